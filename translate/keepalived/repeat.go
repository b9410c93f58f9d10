package keepalived

import (
	"strconv"
	"strings"
)

// repeat reads the rest of a line that begins with ~SEQ or ~LST once for each value of its
// variables. Where the rest is ~{, the lines up to }~ are read instead.
func (r *reader) repeat(line string) {
	text := line[len("~SEQ"):]
	hex := line[1] == 'S' && strings.HasPrefix(text, "x")
	if hex {
		text = text[1:]
	}
	text = strings.TrimLeft(text, " \t")
	close := strings.IndexByte(text, ')')
	if !strings.HasPrefix(text, "(") || close < 0 {
		r.fail(r.here(), "%s has no list in ( )", line[:4])
	}
	r.ledger.Whole(r.words(line[:len(line)-len(text)+close+1])...)
	inner := r.parameters(text[1:close])
	body := []string{strings.TrimLeft(text[close+1:], " \t")}
	if body[0] == "~{" {
		r.ledger.Whole(r.words(body[0])...)
		body = r.bodyLines()
	}
	var names []string
	var values [][]string
	if line[1] == 'S' {
		var name string
		name, values = r.sequence(inner, hex)
		names = []string{name}
	} else {
		names, values = r.list(inner)
	}
	for _, set := range values {
		for i, name := range names {
			value := ""
			if i < len(set) {
				value = set[i]
			}
			r.defs[name] = &definition{lines: []string{value}}
		}
		for _, l := range body {
			r.line(l)
		}
	}
}

// parameters carries out definitions that a repetition's own list uses.
func (r *reader) parameters(s string) string {
	for range maxReplaced {
		next, more, some := r.replace(s)
		if !some {
			return s
		}
		if len(more) > 0 {
			r.fail(r.here(), "a definition of several lines stands in the list of a repetition")
		}
		s = next
	}
	r.fail(r.here(), "definitions are used over %d times in one line: one of them may stand for itself", maxReplaced)
	return ""
}

func (r *reader) bodyLines() (body []string) {
	at := r.here()
	for {
		line, some := r.next()
		if !some {
			r.fail(at, "~{ has no closing }~")
		}
		if line == "}~" {
			r.ledger.Whole(r.words(line)...)
			return body
		}
		if line != "" {
			r.ledger.Whole(r.words(line)...)
			body = append(body, line)
		}
	}
}

// sequence returns the variable and the values of ~SEQ(var, start, step, end), of which start
// and step may be left out.
func (r *reader) sequence(inner string, hex bool) (string, [][]string) {
	fields := strings.Split(inner, ",")
	numbers := make([]int64, 0, 3)
	for _, f := range fields[1:] {
		n, err := strconv.ParseInt(strings.TrimSpace(f), 0, 32)
		if err != nil {
			r.fail(r.here(), "~SEQ(%s): %q is no number", inner, strings.TrimSpace(f))
		}
		numbers = append(numbers, n)
	}
	var start, step, end int64
	switch len(numbers) {
	case 1:
		start, step, end = 1, 1, numbers[0]
		if end < 1 {
			step = -1
		}
		if end < 0 {
			start = -1
		}
	case 2:
		start, step, end = numbers[0], 1, numbers[1]
		if end < start {
			step = -1
		}
	case 3:
		start, step, end = numbers[0], numbers[1], numbers[2]
	default:
		r.fail(r.here(), "~SEQ(%s): write ~SEQ(variable, start, step, end)", inner)
	}
	switch {
	case step == 0, start < end && step < 0, start > end && step > 0:
		r.fail(r.here(), "~SEQ(%s): from %d in steps of %d there is no way to %d", inner, start, step, end)
	case hex && (start < 0 || end < 0):
		r.fail(r.here(), "~SEQx(%s): hexadecimal numbers cannot be negative", inner)
	case (end-start)/step >= int64(r.statements):
		r.fail(r.here(), "~SEQ(%s): that is over %d lines", inner, r.statements)
	}
	base := 10
	if hex {
		base = 16
	}
	var values [][]string
	for n := start; step > 0 && n <= end || step < 0 && n >= end; n += step {
		values = append(values, []string{strconv.FormatInt(n, base)})
	}
	return strings.TrimSpace(fields[0]), values
}

// list returns the variables and the values of ~LST(var, value, …) or ~LST({var, …}, {value, …}, …).
func (r *reader) list(inner string) (names []string, values [][]string) {
	for i, set := range sets(inner) {
		if i == 0 {
			names = set
			continue
		}
		if len(set) > len(names) {
			r.fail(r.here(), "~LST(%s): %d values for %d variables", inner, len(set), len(names))
		}
		values = append(values, set)
	}
	if len(values) == 0 {
		r.fail(r.here(), "~LST(%s): there are no values", inner)
	}
	return names, values
}

// sets cuts "a,{b,c},d" into its items, each a list.
func sets(s string) (out [][]string) {
	for s = strings.TrimSpace(s); s != ""; {
		var item, rest string
		if strings.HasPrefix(s, "{") {
			item, rest, _ = strings.Cut(s[1:], "}")
			rest = strings.TrimPrefix(strings.TrimLeft(rest, " \t"), ",")
		} else {
			item, rest, _ = strings.Cut(s, ",")
		}
		var set []string
		for _, word := range strings.Split(item, ",") {
			set = append(set, strings.TrimSpace(word))
		}
		out = append(out, set)
		s = strings.TrimSpace(rest)
	}
	return out
}
