package format

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestFormat formats what stands in testdata: each archive has a file before and after.
func TestFormat(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, input []golden.File) (out []golden.File) {
		for _, f := range input {
			text, diag := Format(policy.Source(f))
			if diag != nil {
				text = []byte(diag.String() + "\n    " + diag.Hint + "\n")
			} else {
				check(t, f.Data)
			}
			out = append(out, golden.File{Name: "want " + f.Name, Data: text})
		}
		return out
	})
}

// TestExamples holds that the examples are formatted.
func TestExamples(t *testing.T) {
	for _, path := range globbed(t, "../../examples/*.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, diag := Format(policy.Source{Name: path, Data: text})
		if diag != nil {
			t.Fatal(diag)
		}
		if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(string(got), "\n")); diff != "" {
			t.Errorf("%s is not formatted (-is +should be):\n%s", path, diff)
		}
	}
}

// TestEverything formats all policies of the repository. Those that are refused must not be
// policies.
func TestEverything(t *testing.T) {
	formatted := 0
	for _, text := range policies(t) {
		if check(t, text) {
			formatted++
			continue
		}
		if p, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}}); p != nil {
			_, diag := Format(policy.Source{Name: "policy.yaml", Data: text})
			t.Errorf("a valid policy is refused: %v\n%s", diag, text)
		}
	}
	if formatted < 150 {
		t.Errorf("only %d policies were formatted", formatted)
	}
}

// FuzzFormat holds what check does for any text.
func FuzzFormat(f *testing.F) {
	for _, text := range policies(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

// check formats a text, if that can be done, and holds that nothing is lost: formatting again
// changes nothing, the policy is the same but for places, and so are its diagnostics' codes;
// and every comment that yaml.v3 finds is there, which has its own way to find them.
func check(t *testing.T, text []byte) bool {
	t.Helper()
	once, diag := Format(policy.Source{Name: "policy.yaml", Data: text})
	if diag != nil {
		if strings.Contains(diag.Msg, "would not say the same") {
			t.Errorf("not formatted: %v\n%s", diag, text)
		}
		return false
	}
	twice, diag := Format(policy.Source{Name: "policy.yaml", Data: once})
	if diag != nil || !bytes.Equal(once, twice) {
		t.Errorf("formatting again: %v\n%s", diag, cmp.Diff(strings.Split(string(once), "\n"), strings.Split(string(twice), "\n")))
	}
	if a, b := codes(text), codes(once); !slices.Equal(a, b) {
		t.Errorf("the diagnostics were %v and are %v:\n%s\n%s", a, b, text, once)
	}
	for line, times := range commentsOf(t, text) {
		if bytes.Count(once, []byte(line)) < times {
			t.Errorf("the comment %q was lost from\n%s\nin\n%s", line, text, once)
		}
	}
	return true
}

// codes returns the codes of a policy's diagnostics, sorted. Order is no part of what a policy
// means, except for what comes first of two, which changes only with the order of keys.
func codes(text []byte) (out []string) {
	_, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
	for _, d := range ds {
		out = append(out, d.Code)
	}
	slices.Sort(out)
	return out
}

// commentsOf counts the comments that yaml.v3 sees, without # and blanks.
func commentsOf(t *testing.T, text []byte) map[string]int {
	t.Helper()
	out := map[string]int{}
	root, diag := read.Document(policy.Source{Name: "policy.yaml", Data: text})
	if diag != nil {
		t.Fatal(diag)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, text := range []string{n.HeadComment, n.LineComment, n.FootComment} {
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")); line != "" {
					out[line]++
				}
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(root)
	return out
}

// policies returns all that stands in the repository as a policy, whole or broken.
func policies(t testing.TB) (out [][]byte) {
	for _, glob := range []string{"../../examples/*.yaml", "../../testdata/*/*.yaml", "../../integration/testdata/*.yaml", "../../internal/law/testdata/*.yaml",
		"../read/testdata/*.txtar", "../testdata/*/*.txtar", "../../compiler/testdata/*/*.txtar", "../../compiler/*/testdata/*.txtar", "testdata/*.txtar"} {
		for _, path := range globbed(t, glob) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(path, ".yaml") {
				out = append(out, text)
				continue
			}
			for _, f := range txtar.Parse(text).Files {
				if strings.HasSuffix(f.Name, ".yaml") {
					out = append(out, f.Data)
				}
			}
		}
	}
	return out
}

func globbed(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return paths
}
