package keepalived

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// archived returns the first file of an archive, its id, and its other files as Files finds
// them. Braces of globs are known in the form {a,b}.
func archived(input []golden.File) (src policy.Source, id string, files Files) {
	var all []policy.Source
	for _, f := range input {
		if f.Name == "id" {
			id = strings.TrimSpace(string(f.Data))
			continue
		}
		all = append(all, policy.Source{Name: f.Name, Data: f.Data})
	}
	return all[0], id, func(from, pattern string) (found []policy.Source, err error) {
		patterns := []string{pattern}
		if head, rest, some := strings.Cut(pattern, "{"); some {
			words, tail, _ := strings.Cut(rest, "}")
			patterns = nil
			for _, w := range strings.Split(words, ",") {
				patterns = append(patterns, head+w+tail)
			}
		}
		for _, p := range patterns {
			for _, f := range all {
				if match, err := path.Match(path.Join(path.Dir(from), p), f.Name); err != nil {
					return nil, err
				} else if match {
					found = append(found, f)
				}
			}
		}
		return found, nil
	}
}

func printed(b *strings.Builder, in string, statements []*Statement) {
	for _, s := range statements {
		fmt.Fprintf(b, "%s%s:", in, s.At)
		for i, w := range s.Words {
			if s.Quoted[i] {
				fmt.Fprintf(b, " %q", w)
			} else {
				fmt.Fprintf(b, " %s", w)
			}
		}
		if s.Block {
			fmt.Fprintf(b, " {\n")
			printed(b, in+"  ", s.Body)
			fmt.Fprintf(b, "%s} %s", in, s.End)
		}
		b.WriteString("\n")
	}
}

// taken accounts for all statements.
func taken(l *translate.Ledger, statements []*Statement) {
	for _, s := range statements {
		l.Whole(s.Refs...)
		taken(l, s.Body)
	}
}

// TestRead holds the tree of every form of the language.
func TestRead(t *testing.T) {
	golden.Run(t, "testdata/read/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		src, id, files := archived(input)
		var b strings.Builder
		tree, err := Read(src, id, files)
		if err != nil {
			if ps := translate.Problems(err); len(ps) != 1 || ps[0].Line == 0 {
				t.Errorf("the error %v has no place", err)
			}
			return append(input, golden.File{Name: "want", Data: []byte(err.Error() + "\n")})[len(input):]
		}
		printed(&b, "", tree.Statements)
		taken(tree.Ledger, tree.Statements)
		for _, g := range tree.Ledger.Close().Gaps {
			fmt.Fprintln(&b, g)
		}
		return []golden.File{{Name: "want", Data: []byte(b.String())}}
	})
}

// TestArguments: scripts know more of quotes than other words.
func TestArguments(t *testing.T) {
	for text, want := range map[string]string{
		`/bin/check -p 80`:            `["/bin/check" "-p" "80"] true`,
		`/bin/check 'a b' c"d e"f ""`: `["/bin/check" "a b" "cd ef" ""] true`,
		`a\ b \"c\" \x41\102\n\cA \'`: `["a b" "\"c\"" "AB\n\x01" "'"] true`,
		`'open`:                       `["open"] false`,
		"  \t ":                       `[] true`,
		`back\`:                       `["back\\"] true`,
	} {
		out, whole := arguments(text)
		if got := fmt.Sprintf("%q %v", out, whole); got != want {
			t.Errorf("arguments of %s are %s, want %s", text, got, want)
		}
	}
}

// TestReadBounded: what repeats itself ends, and soon.
func TestReadBounded(t *testing.T) {
	deep := "$V0=x\n"
	for i := range 60 {
		deep += fmt.Sprintf("$V%d= \\\n", i+1) + strings.Repeat(fmt.Sprintf("$V%d \\\n", i), 10) + "\n"
	}
	wide := "$A=" + strings.Repeat("y", 1000) + "\n"
	for i := range 30 {
		wide += fmt.Sprintf("$B%d=%s\n", i+1, strings.Repeat(fmt.Sprintf("${B%d}", i), 50))
	}
	for name, text := range map[string]string{
		"nested definitions":    deep + "$V60\n",
		"doubled definitions":   "$B0=z\n" + wide + "w $B30\n",
		"nested repetitions":    strings.Repeat("~SEQ(A, 1, 100000) ", 5) + "x $A\n",
		"repetition of nothing": strings.Repeat("~SEQ(A, 1, 100000) ", 5) + "@x y\n",
		"deep blocks":           strings.Repeat("a {\n", 100),
		"a repetition within":   strings.Repeat("~SEQ(A, 1, 2) ", 100) + "x\n",
	} {
		began := time.Now()
		tree, err := readWithin(policy.Source{Name: "k", Data: []byte(text)}, "id", nil, limits{1 << 16, 1 << 17})
		if err == nil {
			t.Errorf("%s: read, %d statements", name, len(tree.Statements))
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %s", name, took)
		} else {
			t.Logf("%s: %s: %v", name, took, err)
		}
	}
}

// FuzzRead holds that any text is read or refused with a place.
func FuzzRead(f *testing.F) {
	f.Add("virtual_server 192.0.2.1 80 {\n real_server 192.0.2.2 80 { weight 1 }\n}\n", "gw1")
	f.Add("$A= \\\n b \\\n c\n~SEQ(N,1,3) $A ${N}\n@gw1 x \"y\n", "gw1")
	f.Add("~LST({A, B}, {1,2},{3,4}) x $A ~{\n}~\ninclude k\n${_PWD} \\# ! z", "")
	f.Fuzz(func(t *testing.T, text, id string) {
		src := policy.Source{Name: "k", Data: []byte(text)}
		if _, err := Read(src, id, func(from, pattern string) ([]policy.Source, error) { return []policy.Source{src}, nil }); err != nil {
			if ps := translate.Problems(err); len(ps) != 1 || ps[0].Line < 1 || strings.Contains(ps[0].Msg, "\n") {
				t.Errorf("the error is %v", err)
			}
		}
	})
}
