package docscheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/agent/journal"
)

// logs says at which levels the methods of slog.Logger log, and where their message stands.
var logs = map[string]struct {
	level slog.Level
	at    int
}{
	"Debug": {slog.LevelDebug, 0}, "Info": {slog.LevelInfo, 0}, "Warn": {slog.LevelWarn, 0}, "Error": {slog.LevelError, 0},
	"DebugContext": {slog.LevelDebug, 1}, "InfoContext": {slog.LevelInfo, 1}, "WarnContext": {slog.LevelWarn, 1}, "ErrorContext": {slog.LevelError, 1},
}

// TestEvents holds the table of events against the sources: every event that is logged is in it, with its
// level and its attributes, and whatever is in it is logged somewhere.
func TestEvents(t *testing.T) {
	table := map[string]journal.Event{}
	for _, g := range journal.Groups {
		for _, e := range g.Events {
			if _, twice := table[e.Name]; twice {
				t.Errorf("event %s is in the table twice", e.Name)
			}
			table[e.Name] = e
		}
	}
	logged, with := map[string]bool{}, map[string]bool{}
	for _, f := range sources(t, "agent", "gateway", "cmd") {
		for _, call := range f.logged(t) {
			e, known := table[call.event]
			if !known {
				t.Errorf("%s: event %q is not in the table of agent/journal", call.at, call.event)
				continue
			}
			logged[e.Name] = true
			if !slices.Contains(e.Levels, call.level) {
				t.Errorf("%s: event %s is logged at %s, and the table says %v", call.at, e.Name, call.level, e.Levels)
			}
			for _, a := range call.with {
				if with[e.Name+" "+a] = true; !slices.Contains(e.With, a) {
					t.Errorf("%s: event %s has the attribute %q, which the table does not give it", call.at, e.Name, a)
				}
			}
		}
	}
	for _, e := range table {
		if !logged[e.Name] {
			t.Errorf("nothing logs the event %s, which is in the table", e.Name)
		}
		for _, a := range e.With {
			if logged[e.Name] && !with[e.Name+" "+a] {
				t.Errorf("nothing logs the event %s with %q, which the table gives it", e.Name, a)
			}
		}
	}
}

// goFile is a source, parsed.
type goFile struct {
	set  *token.FileSet
	tree *ast.File
}

// sources parses all files of some directories that are no tests.
func sources(t *testing.T, dirs ...string) (out []goFile) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return err
			}
			f := goFile{set: token.NewFileSet()}
			f.tree, err = parser.ParseFile(f.set, p, nil, parser.SkipObjectResolution)
			out = append(out, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// eventCall is where something is logged.
type eventCall struct {
	at    token.Position
	event string
	level slog.Level
	with  []string
}

// logged returns the calls of loggers in a file. Their events must be written where they are logged, and
// so must the keys of attributes, or in the same function.
func (f goFile) logged(t *testing.T) (out []eventCall) {
	for _, d := range f.tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			m, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !isLogger(m.X) {
				return true
			}
			how, ok := logs[m.Sel.Name]
			c := eventCall{at: f.set.Position(call.Pos()), level: how.level}
			switch {
			case !ok:
				if m.Sel.Name == "Log" || m.Sel.Name == "LogAttrs" || m.Sel.Name == "With" {
					t.Errorf("%s: log by Debug, Info, Warn or Error: TestEvents reads no other call", c.at)
				}
				return true
			case len(call.Args) <= how.at || literal(call.Args[how.at]) == "":
				t.Errorf("%s: the event is no literal: TestEvents cannot read it", c.at)
				return true
			}
			c.event = literal(call.Args[how.at])
			c.with = f.keys(t, fn.Body, call.Args[how.at+1:], call.Ellipsis.IsValid())
			out = append(out, c)
			return true
		})
	}
	return out
}

// isLogger tells by its name whether an expression is a logger: log, a.log, o.Log.
func isLogger(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return name == "slog" || strings.HasSuffix(strings.ToLower(name), "log") || strings.HasSuffix(strings.ToLower(name), "logger")
}

// keys returns the keys of attributes. A list that is handed on has those that its function puts into it.
func (f goFile) keys(t *testing.T, body *ast.BlockStmt, args []ast.Expr, list bool) (out []string) {
	t.Helper()
	pairs := func(of []ast.Expr) {
		for i := 0; i < len(of); i += 2 {
			if key := literal(of[i]); key != "" {
				out = append(out, key)
			} else {
				t.Errorf("%s: the key of an attribute is no literal", f.set.Position(of[i].Pos()))
			}
		}
	}
	if !list {
		pairs(args)
		return out
	}
	if add, ok := args[0].(*ast.CallExpr); ok && isAppend(add) {
		pairs(add.Args[1:])
		args = add.Args[:1]
	}
	name, ok := args[0].(*ast.Ident)
	if !ok {
		t.Errorf("%s: the attributes are no list of a name", f.set.Position(args[0].Pos()))
		return out
	}
	ast.Inspect(body, func(n ast.Node) bool {
		set, ok := n.(*ast.AssignStmt)
		if !ok || len(set.Lhs) != len(set.Rhs) {
			return true
		}
		for i, to := range set.Lhs {
			if id, ok := to.(*ast.Ident); !ok || id.Name != name.Name {
				continue
			}
			switch from := set.Rhs[i].(type) {
			case *ast.CompositeLit:
				pairs(from.Elts)
			case *ast.CallExpr:
				if isAppend(from) {
					pairs(from.Args[1:])
				}
			}
		}
		return true
	})
	return out
}

func isAppend(c *ast.CallExpr) bool {
	name, ok := c.Fun.(*ast.Ident)
	return ok && name.Name == "append" && !c.Ellipsis.IsValid()
}

// literal is the value of a string that is written there; empty if it is not.
func literal(x ast.Expr) string {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
