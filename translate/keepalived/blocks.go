package keepalived

import "strings"

// split cuts a line at its braces, which may stand anywhere outside quotes, and enters the
// statements that it holds. The braces of a ${NAME} that is not defined are none: keepalived
// takes them for some, and all that follows for something else.
func (r *reader) split(line string) {
	for line = strings.Trim(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		switch line[0] {
		case '{':
			r.begin()
			line = line[1:]
			continue
		case '}':
			r.end()
			line = line[1:]
			continue
		}
		end := len(line)
		for i, quoted := 0, false; i < len(line); i++ {
			if line[i] == '"' {
				quoted = !quoted
			} else if close := strings.IndexByte(line[i:], '}'); strings.HasPrefix(line[i:], "${") && close > 0 {
				i += close
			} else if !quoted && (line[i] == '{' || line[i] == '}') {
				end = i
				break
			}
		}
		r.statement(strings.TrimRight(line[:end], " \t"))
		line = line[end:]
	}
}

func (r *reader) statement(text string) {
	if r.made++; r.made > r.statements {
		r.fail(r.here(), "repetitions make over %d statements of the files", r.statements)
	}
	s := &Statement{At: r.here(), Text: text}
	s.Words, s.Quoted = words(text)
	for _, word := range s.Words {
		s.Refs = append(s.Refs, r.ledger.Enter(s.At, word))
	}
	if strings.Count(text, `"`)%2 != 0 {
		r.ledger.Note(s.At, "M204", text, "")
	}
	if len(s.Words) == 0 {
		return
	}
	if n := len(r.open); n > 0 {
		r.open[n-1].Body = append(r.open[n-1].Body, s)
	} else {
		r.tree.Statements = append(r.tree.Statements, s)
	}
	r.last = s
}

func (r *reader) begin() {
	switch {
	case r.last == nil:
		r.fail(r.here(), "{ stands behind no keyword")
	case len(r.open) >= maxBlocks:
		r.fail(r.here(), "blocks are over %d deep", maxBlocks)
	}
	r.last.Block = true
	r.open = append(r.open, opened{r.last, r.here()})
	r.last = nil
}

func (r *reader) end() {
	n := len(r.open)
	if n == 0 {
		where := "there is no block here"
		if all := r.tree.Statements; len(all) > 0 && all[len(all)-1].Block {
			s := all[len(all)-1]
			where = "the block of " + s.Word(0) + " of line " + s.At.String() + " is already closed at " + s.End.String()
		}
		r.fail(r.here(), "} closes nothing: %s", where)
	}
	r.open[n-1].End = r.here()
	r.open = r.open[:n-1]
	r.last = nil
}

// words cuts a statement at blanks and quotes, as keepalived does for all but scripts: what
// stands between " is one word, also where no blank is around it.
func words(text string) (out []string, quoted []bool) {
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		if text[0] == '"' {
			word, rest, _ := strings.Cut(text[1:], `"`)
			out, quoted, text = append(out, word), append(quoted, true), rest
			continue
		}
		end := strings.IndexAny(text, " \t\"")
		if end < 0 {
			end = len(text)
		}
		out, quoted, text = append(out, text[:end]), append(quoted, false), text[end:]
	}
	return out, quoted
}

// arguments cuts the value of a script into program and arguments: there ' quotes, too, and \
// escapes (alloc_strvec_quoted_escaped of keepalived's lib/parser.c). It returns false where a
// quote has no end.
func arguments(text string) (out []string, whole bool) {
	var word []byte
	some, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			var used int
			c, used = escape(text[i+1:])
			word, some, i = append(word, c), true, i+used
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			quote, some = c, true
		case c == ' ' || c == '\t':
			if some {
				out, word, some = append(out, string(word)), nil, false
			}
		default:
			word, some = append(word, c), true
		}
	}
	if some {
		out = append(out, string(word))
	}
	return out, quote == 0
}

// escape returns the character that what follows a \ stands for, and how long that is.
func escape(s string) (byte, int) {
	named := map[byte]byte{'a': '\a', 'b': '\b', 'E': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}
	switch c := s[0]; {
	case c == 'x' && len(s) > 1 && hex(s[1]) >= 0:
		value, i := 0, 1
		for ; i < len(s) && hex(s[i]) >= 0; i++ {
			value = value<<4 | hex(s[i])
		}
		return byte(value), i
	case c == 'c' && len(s) > 1:
		return s[1] & 0x1f, 2
	case c >= '0' && c <= '7':
		value, i := 0, 0
		for ; i < len(s) && i < 3 && s[i] >= '0' && s[i] <= '7'; i++ {
			value = value<<3 | int(s[i]-'0')
		}
		return byte(value), i
	default:
		if v, some := named[c]; some {
			return v, 1
		}
		return c, 1
	}
}

// hex returns the value of a hexadecimal digit, and -1 for another character.
func hex(c byte) int {
	if letter(c) {
		c |= 0x20
	}
	return strings.IndexByte("0123456789abcdef", c)
}
