package ipvsadm

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Limits of scripts, whose loops may make much of little.
const (
	maxScript = 1 << 20 // bytes; one of simple calls alone may be longer
	mostSteps = 50_000
	deepest   = 40 // calls of functions in functions
)

// script reads a shell script: calls of ipvsadm, with variables and loops over lists. All else is
// reported and left out.
func (s *source) script() ([]*call, error) {
	if calls := s.simple(); calls != nil {
		return calls, nil
	}
	if len(s.text) > maxScript {
		return nil, s.problem(0, "the script has more than 1 MB", "translate what `ipvsadm -S -n` prints after it has run")
	}
	if line := deepLine(s.text); line > 0 {
		return nil, s.problem(line, "the script is nested too deeply", "translate what `ipvsadm -S -n` prints after it has run")
	}
	// The forks print FULLNAT as (null), which no shell would take.
	text := strings.ReplaceAll(s.text, "(null)", null)
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
	if err != nil {
		line, msg := 0, err.Error()
		var pe syntax.ParseError
		var le syntax.LangError
		switch {
		case errors.As(err, &pe):
			line, msg = int(pe.Pos.Line()), pe.Text
		case errors.As(err, &le):
			line = int(le.Pos.Line())
		}
		if n := titled(s.text); n > 0 {
			return nil, s.problem(n, "a listing stands among commands", "translate the commands, or the listing, by themselves")
		}
		return nil, s.problem(line, "neither rules of ipvsadm nor a shell script: "+msg, "rules are what `ipvsadm -S -n` prints")
	}
	var comments [][2]int
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.Comment); ok {
			comments = append(comments, [2]int{int(c.Pos().Offset()), int(c.End().Offset())})
		}
		return true
	})
	slices.SortFunc(comments, func(a, b [2]int) int { return a[0] - b[0] })
	s.enter(comments)
	x := &shell{source: s, vars: make(map[string][]string), funcs: make(map[string]*syntax.FuncDecl)}
	x.stmts(file.Stmts)
	if x.steps > mostSteps {
		return nil, s.problem(x.line, fmt.Sprintf("the script does more than %d things: its loops repeat too much", mostSteps), "translate what `ipvsadm -S -n` prints after it has run")
	}
	for _, f := range x.defined {
		if !x.called[f.Name.Value] {
			x.leave(f, "M101", "it is left out: nothing that is read calls the function")
		}
	}
	x.punctuation()
	return x.calls, nil
}

// titled returns the line at which a listing begins; 0 where there is none.
func titled(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if slices.ContainsFunc(titles, func(title string) bool { return strings.HasPrefix(strings.TrimSpace(line), title) }) {
			return n
		}
	}
	return 0
}

// null stands for (null) while a shell script is parsed; it is as long.
const null = "%null%"

// simple reads scripts that are calls of ipvsadm and comments alone, a line each; nil where a
// script is more than that.
func (s *source) simple() []*call {
	for line := range strings.Lines(s.text) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "(null)", ""))
		if line == "" || line[0] == '#' {
			continue
		}
		program, _, _ := strings.Cut(strings.TrimPrefix(line, "sudo "), " ")
		if path.Base(program) != "ipvsadm" || strings.Contains(program, "=") || strings.ContainsAny(line, "$`'\"\\;&|<>(){}*?~#") {
			return nil
		}
	}
	calls := s.dump()
	for _, c := range calls {
		for len(c.args) > 0 && (c.args[0].text == "sudo" || path.Base(c.args[0].text) == "ipvsadm") {
			c.head = append(c.head, c.args[0].words...)
			c.args = c.args[1:]
		}
	}
	return calls
}

// deepLine returns the line at which brackets and blocks are nested too deeply; 0 where none is.
func deepLine(text string) int {
	depth, functions := 0, 0
	line := 0
	for l := range strings.Lines(text) {
		line++
		for i := range len(l) {
			switch l[i] {
			case '(', '{', '`', '[':
				depth++
			case ')', '}', ']':
				depth--
			}
		}
		for _, word := range strings.Fields(l) {
			switch strings.Trim(word, ";") {
			case "if", "for", "while", "until", "case", "select", "time", "coproc", "!", "function", "elif":
				depth++
			case "fi", "done", "esac":
				depth--
			}
		}
		if functions += strings.Count(l, "()"); depth > maxDepth || functions > maxDepth {
			return line
		}
	}
	return 0
}

// shell carries out what it can of a script.
type shell struct {
	*source
	vars    map[string][]string // arrays have several values
	funcs   map[string]*syntax.FuncDecl
	defined []*syntax.FuncDecl
	called  map[string]bool
	depth   int
	steps   int
	line    int
	calls   []*call
}

// whole accounts for the words of a part of the script.
func (x *shell) whole(from, to syntax.Pos) {
	x.ledger.Whole(x.words(int(from.Offset()), int(to.Offset()))...)
}

func (x *shell) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		x.stmt(st)
	}
}

// stmt carries out a statement, or leaves it.
func (x *shell) stmt(st *syntax.Stmt) {
	if x.steps++; x.steps > mostSteps {
		x.line = int(st.Pos().Line())
		return
	}
	switch c := st.Cmd.(type) {
	case *syntax.CallExpr:
		x.callExpr(st, c)
	case *syntax.DeclClause:
		if x.assign(c.Args) {
			x.whole(st.Pos(), st.End())
		} else {
			x.leave(st, "M101", "")
		}
	case *syntax.Block:
		x.stmts(c.Stmts)
	case *syntax.Subshell:
		x.stmts(c.Stmts)
	case *syntax.BinaryCmd:
		x.binary(st, c)
	case *syntax.ForClause:
		x.loop(st, c)
	case *syntax.FuncDecl:
		if c.Name == nil {
			x.leave(st, "M101", "")
			return
		}
		x.funcs[c.Name.Value] = c
		x.defined = append(x.defined, c)
	case *syntax.CaseClause:
		x.caseOf(st, c)
	default:
		x.leave(st, "M101", "")
	}
}

// binary carries out both sides of `a && b`. Of `a || b` the second is for failures, which are not
// foreseen; of a pipe, rules that are written into `ipvsadm -R`.
func (x *shell) binary(st *syntax.Stmt, c *syntax.BinaryCmd) {
	switch {
	case c.Op == syntax.AndStmt:
		x.stmt(c.X)
		x.stmt(c.Y)
	case c.Op == syntax.OrStmt:
		x.stmt(c.X)
		x.leave(c.Y, "M102", "it is left out: it is for failures")
	case x.piped(c):
	default:
		x.leave(st, "M101", "")
	}
}

// loop carries out a loop over a list.
func (x *shell) loop(st *syntax.Stmt, c *syntax.ForClause) {
	list, ok := c.Loop.(*syntax.WordIter)
	if !ok || c.Select || !list.InPos.IsValid() {
		x.leave(st, "M101", "")
		return
	}
	var items []string
	for _, w := range list.Items {
		fields, ok := x.expand(w)
		if !ok {
			x.leave(st, "M101", "")
			return
		}
		items = append(items, fields...)
	}
	x.whole(c.ForPos, c.DoPos)
	for _, item := range items {
		if x.steps > mostSteps {
			return
		}
		x.vars[list.Name.Value] = []string{item}
		x.stmts(c.Do)
	}
	if len(items) == 0 {
		x.leave(st, "M101", "it is left out: its list is empty")
	}
}

// caseOf carries out the branch `start` of the scripts that start and stop services.
func (x *shell) caseOf(st *syntax.Stmt, c *syntax.CaseClause) {
	start := slices.IndexFunc(c.Items, func(item *syntax.CaseItem) bool {
		return slices.ContainsFunc(item.Patterns, func(w *syntax.Word) bool { return strings.Trim(w.Lit(), `"'`) == "start" })
	})
	if start < 0 {
		x.leave(st, "M101", "")
		return
	}
	for i, item := range c.Items {
		from, to := item.Pos(), item.End()
		if i == start {
			if len(item.Stmts) > 0 {
				x.whole(from, item.Stmts[0].Pos())
			} else {
				x.whole(from, to)
			}
			x.stmts(item.Stmts)
			continue
		}
		x.leave(item, "M103", "")
	}
	x.whole(c.Case, c.Items[0].Pos())
}

// call adds a call of ipvsadm.
func (x *shell) call(c *call) { x.calls = append(x.calls, c) }
