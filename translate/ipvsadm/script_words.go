package ipvsadm

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/snatctl/snatctl/translate"
)

// harmless are programs that change neither rules nor addresses.
var harmless = []string{"echo", "printf", "exit", "set", "modprobe", "sleep", "true", ":", "cat", "lsmod", "return", "shift", "cd", "unset", "date", "which", "logger", "touch", "ipvsadm-save", "sysctl", "dmesg", "source", "."}

// callExpr carries out a call, or assignments.
func (x *shell) callExpr(st *syntax.Stmt, c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		if x.assign(c.Assigns) {
			x.whole(st.Pos(), st.End())
		} else {
			x.leave(st, "M101", "")
		}
		return
	}
	args, ok := x.args(c.Args)
	if !ok {
		x.leave(st, "M101", "it is left out: the script does not say what its variables and commands stand for")
		return
	}
	args = program(args)
	if len(args) == 0 {
		x.leave(st, "M102", "")
		return
	}
	switch name := path.Base(args[0].text); {
	case name == "ipvsadm" || name == "ipvsadm-restore":
		x.ipvsadm(st, name, args)
	case strings.HasPrefix(args[0].text, "-") && len(args) > 1:
		x.call(&call{line: int(st.Pos().Line()), args: args})
	case x.funcs[args[0].text] != nil && len(args) == 1 && x.depth < deepest:
		x.function(st, x.funcs[args[0].text])
	case slices.Contains(harmless, name):
		x.leave(st, "M102", "")
	default:
		x.leave(st, "M101", "")
	}
}

// function carries out the body of a function.
func (x *shell) function(st *syntax.Stmt, f *syntax.FuncDecl) {
	x.whole(st.Pos(), st.End())
	x.whole(f.Pos(), f.Body.Pos())
	if x.called == nil {
		x.called = make(map[string]bool)
	}
	x.called[f.Name.Value] = true
	x.depth++
	x.stmt(f.Body)
	x.depth--
}

// program drops what stands before a program: sudo, env and the like.
func program(args []arg) []arg {
	for len(args) > 0 {
		switch args[0].text {
		case "sudo", "env", "command", "exec", "nohup", "time":
			args = args[1:]
			for len(args) > 0 && strings.HasPrefix(args[0].text, "-") {
				args = args[1:]
			}
		case "ip": // ip netns exec NAME PROGRAM
			if len(args) < 5 || args[1].text != "netns" || args[2].text != "exec" {
				return args
			}
			args = args[4:]
		default:
			return args
		}
	}
	return args
}

// ipvsadm adds a call of ipvsadm, and the rules that it gets to read.
func (x *shell) ipvsadm(st *syntax.Stmt, name string, args []arg) {
	c := &call{line: int(st.Pos().Line()), args: args[1:]}
	restores := name == "ipvsadm-restore" || slices.ContainsFunc(c.args, func(a arg) bool { return a.text == "-R" || a.text == "--restore" })
	first := int(st.End().Offset())
	if len(c.args) > 0 && len(c.args[0].words) > 0 {
		first = x.offset(c.args[0].words[0])
	}
	x.ledger.Whole(x.words(int(st.Pos().Offset()), first)...)
	for _, r := range st.Redirs {
		switch {
		case r.Hdoc != nil && restores:
			x.heredoc(r)
			c = nil
		case r.Op == syntax.RdrIn && restores:
			c = nil
			x.leave(st, "M104", "")
		default:
			x.whole(r.Pos(), r.End())
		}
	}
	switch {
	case c == nil && restores:
		for _, a := range args {
			x.ledger.Whole(a.words...)
		}
	case restores:
		x.leave(st, "M104", "")
	default:
		x.call(c)
	}
}

// offset returns where a word stands in the text.
func (x *shell) offset(w translate.Word) int {
	i, _ := slices.BinarySearchFunc(x.tokens, w, func(t token, w translate.Word) int { return int(t.word) - int(w) })
	return x.tokens[i].from
}

// heredoc reads the rules in a here-document.
func (x *shell) heredoc(r *syntax.Redirect) {
	from, to := int(r.Hdoc.Pos().Offset()), int(r.Hdoc.End().Offset())
	x.whole(r.OpPos, r.Word.End())
	end := strings.Trim(x.text[r.Word.Pos().Offset():r.Word.End().Offset()], `"'\`)
	if words := x.words(to, len(x.text)); len(words) > 0 && x.ledger.Text(words[0]) == end {
		x.ledger.Whole(words[0])
	}
	if strings.ContainsAny(x.text[from:to], "$`") {
		x.leave(r.Hdoc, "M101", "it is left out: the rules have variables")
		return
	}
	for _, c := range x.lines(from, to) {
		if c.text() == end || len(c.args) > 0 && strings.HasPrefix(c.args[0].text, "#") {
			x.ledger.Whole(c.words()...)
			continue
		}
		x.call(c)
	}
}

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
