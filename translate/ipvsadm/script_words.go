package ipvsadm

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// args expands the words of a call.
func (x *shell) args(words []*syntax.Word) (out []arg, ok bool) {
	for _, w := range words {
		fields, ok := x.expand(w)
		if !ok {
			return nil, false
		}
		for _, f := range fields {
			if f == null {
				f = "(null)"
			}
			out = append(out, arg{f, x.words(int(w.Pos().Offset()), int(w.End().Offset()))})
		}
	}
	return out, true
}

// assign sets variables to what is known, and tells whether all of it is.
func (x *shell) assign(list []*syntax.Assign) (known bool) {
	known = true
	for _, a := range list {
		if a.Name == nil || a.Index != nil {
			known = false
			continue
		}
		var values []string
		ok := true
		switch {
		case a.Array != nil:
			for _, e := range a.Array.Elems {
				fields, some := x.expand(e.Value)
				ok = ok && some && e.Index == nil
				values = append(values, fields...)
			}
		case a.Value != nil:
			var fields []string
			fields, ok = x.expand(a.Value)
			values = []string{strings.Join(fields, " ")}
		case a.Naked:
			continue
		default:
			values = []string{""}
		}
		if a.Append && ok {
			values = append(slices.Clone(x.vars[a.Name.Value]), values...)
			if a.Array == nil {
				values = []string{strings.Join(values, "")}
			}
		}
		if !ok || size(values) > maxLine {
			delete(x.vars, a.Name.Value)
			known = false
			continue
		}
		x.vars[a.Name.Value] = values
	}
	return known
}

// size is how long the values of a variable are together.
func size(values []string) (n int) {
	for _, v := range values {
		n += len(v) + 1
	}
	return n
}

// field is a word in the making.
type field struct {
	out  []string
	text strings.Builder
	some bool
}

// literal adds text that is not split.
func (f *field) literal(s string) {
	f.text.WriteString(s)
	f.some = true
}

// split adds the value of a variable outside quotes, which may be several words.
func (f *field) split(s string) {
	words := strings.Fields(s)
	if len(words) > 0 && strings.HasPrefix(s, " ") {
		f.end()
	}
	for i, w := range words {
		if i > 0 {
			f.end()
		}
		f.literal(w)
	}
	if len(words) > 0 && strings.HasSuffix(s, " ") {
		f.end()
	}
}

func (f *field) end() {
	if f.some {
		f.out = append(f.out, f.text.String())
	}
	f.text.Reset()
	f.some = false
}

// expand returns the words that a word stands for, unless it takes more than variables to know.
func (x *shell) expand(w *syntax.Word) ([]string, bool) {
	if w == nil {
		return nil, true
	}
	words, ok := braced(w)
	if !ok {
		return x.plain(w)
	}
	var out []string
	for _, w := range words {
		fields, ok := x.plain(w)
		if !ok {
			return nil, false
		}
		out = append(out, fields...)
	}
	return out, true
}

// plain is expand for a word without {1..9} and {a,b}.
func (x *shell) plain(w *syntax.Word) ([]string, bool) {
	var f field
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if i := strings.IndexByte(p.Value, '{'); i >= 0 && strings.ContainsAny(p.Value[i:], "},.") {
				return nil, false
			}
			f.literal(unescaped(p.Value))
		case *syntax.SglQuoted:
			if p.Dollar {
				return nil, false
			}
			f.literal(p.Value)
		case *syntax.DblQuoted:
			if !x.quoted(&f, p) {
				return nil, false
			}
		case *syntax.ParamExp:
			values, _, ok := x.value(p)
			if !ok {
				return nil, false
			}
			f.split(strings.Join(values, " "))
		default:
			return nil, false
		}
		if f.text.Len() > maxLine {
			return nil, false
		}
	}
	f.end()
	return f.out, true
}

// quoted adds what stands between double quotes.
func (x *shell) quoted(f *field, p *syntax.DblQuoted) bool {
	f.some = true
	for _, part := range p.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			f.literal(unescaped(p.Value))
		case *syntax.ParamExp:
			values, each, ok := x.value(p)
			if !ok {
				return false
			}
			if !each {
				f.literal(strings.Join(values, " "))
				continue
			}
			for i, v := range values {
				if i > 0 {
					f.end()
				}
				f.literal(v)
			}
		default:
			return false
		}
	}
	return true
}

// value returns what a variable is. Each says that its values are words of their own: "${A[@]}".
func (x *shell) value(p *syntax.ParamExp) (values []string, each, ok bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.Slice != nil || p.Repl != nil || p.Names != 0 || p.Flags != nil || len(p.Modifiers) > 0 {
		return nil, false, false
	}
	values, known := x.vars[p.Param.Value]
	if e := p.Exp; e != nil {
		switch {
		case e.Op != syntax.DefaultUnset && e.Op != syntax.DefaultUnsetOrNull:
			return nil, false, false
		case !known || e.Op == syntax.DefaultUnsetOrNull && size(values) <= 1:
			values, known = x.expand(e.Word)
		}
	}
	if !known {
		return nil, false, false
	}
	if p.Index == nil {
		if len(values) > 1 {
			values = values[:1]
		}
		return values, false, true
	}
	w, isWord := p.Index.(*syntax.Word)
	if !isWord {
		return nil, false, false
	}
	switch at := w.Lit(); {
	case at == "@" || at == "*":
		return values, at == "@", true
	case isNumber(at) && len(at) < 6:
		i, _ := parseNumber("the index", at, 0, 99999)
		if i < len(values) {
			return values[i : i+1], false, true
		}
	}
	return nil, false, false
}

// unescaped takes the backslashes from a text outside quotes, and line continuations.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
