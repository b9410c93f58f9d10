package rfc

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

var testOf = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// testsOf returns the tests of the whole repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testOf.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whatever is said to be met has a test that shows it; each requirement has an answer for every policy,
// which says why.
func TestTable(t *testing.T) {
	exists := testsOf(t)
	for _, d := range Documents() {
		seen := map[string]bool{}
		for _, r := range d.Requirements {
			name := d.Name() + " " + r.Number
			if seen[r.Number] || !strings.HasSuffix(r.Asks, ".") {
				t.Errorf("%s stands there twice, or asks no sentence", name)
			}
			seen[r.Number] = true
			for i, a := range r.Answers {
				last := i == len(r.Answers)-1
				switch {
				case last != (a.Holds == nil) || last != (a.When == ""):
					t.Errorf("%s: the last answer must hold for all policies, and no other", name)
				case a.Why == "" || !strings.HasSuffix(a.Why, "."):
					t.Errorf("%s: %q is no sentence that says why", name, a.Why)
				case (a.Verdict == Met || a.Verdict == MetByKey) && a.Test == "":
					t.Errorf("%s is met, and no test shows it", name)
				case a.Test != "" && !exists[a.Test]:
					t.Errorf("%s: there is no test %s", name, a.Test)
				case a.Verdict == MetByKey && a.Key == "":
					t.Errorf("%s is met by a key that is not named", name)
				case a.Verdict == Met && a.Key != "":
					t.Errorf("%s is met whatever %s says", name, a.Key)
				}
			}
		}
	}
}

// TestJudge judges the policies of testdata.
func TestJudge(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, in []golden.File) []golden.File {
		p, ds := read.Parse([]policy.Source{{Name: in[0].Name, Data: in[0].Data}})
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, d := range Documents() {
			for _, f := range d.Judge(p) {
				b.WriteString(d.Name() + " " + f.Requirement + ": " + f.String() + "\n")
			}
		}
		return []golden.File{{Name: "want.txt", Data: []byte(b.String())}}
	})
}
