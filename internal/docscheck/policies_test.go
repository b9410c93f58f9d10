package docscheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
)

// root is the repository, as seen from here.
const root = "../.."

// TestExamples loads and compiles every example, and runs the tests that it holds.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(root + "/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			compiles(t, filepath.Base(file), text)
		})
	}
}

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestPoliciesInDocuments compiles every whole policy that a document shows. The first of
// the README is the one that the demo and the README's own output come from.
func TestPoliciesInDocuments(t *testing.T) {
	example := read(t, "examples/policy.yaml")
	for _, doc := range documents(t) {
		for i, m := range fence.FindAllStringSubmatch(read(t, doc), -1) {
			if strings.Contains(m[1], "version: 1") {
				compiles(t, doc, []byte(m[1]))
			}
			if doc == "README.md" && i == 0 && m[1] != example {
				t.Errorf("the first policy of README.md is not examples/policy.yaml but\n%s", m[1])
			}
		}
	}
}

func compiles(t *testing.T, name string, text []byte) {
	t.Helper()
	p, ds := policy.Parse([]policy.Source{{Name: name, Data: text}})
	if len(ds) > 0 || p == nil {
		t.Fatalf("%s is no faultless policy:\n%v", name, ds)
	}
	if _, ds := compiler.Compile(p); len(ds) > 0 {
		t.Fatalf("%s does not compile:\n%v", name, ds)
	}
}

// documents returns the paths of all documents.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, glob := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, filepath.ToSlash(rel))
		}
	}
	if len(out) < 3 {
		t.Fatalf("only %d documents", len(out))
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
