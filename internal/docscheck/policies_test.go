package docscheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
	"github.com/snatctl/snatctl/policy/read"
)

// root is the repository, as seen from here.
const root = "../.."

// TestExamples loads, compiles and lints every example.
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
// the README is the one that the demo and the README's own output come from, but for its first
// line, which is for editors.
func TestPoliciesInDocuments(t *testing.T) {
	modeline, example, _ := strings.Cut(text(t, "examples/policy.yaml"), "\n")
	if !strings.HasPrefix(modeline, "# yaml-language-server: $schema=") {
		t.Errorf("examples/policy.yaml begins with %q, not with its schema", modeline)
	}
	for _, doc := range documents(t) {
		if doc == "docs/lint.md" {
			continue // it shows bad policies, too; the test of package lint reads both kinds
		}
		for i, m := range fence.FindAllStringSubmatch(text(t, doc), -1) {
			if strings.Contains(m[1], "version: 1") {
				compiles(t, doc, []byte(m[1]))
			}
			if doc == "README.md" && i == 0 && m[1] != example {
				t.Errorf("the first policy of README.md is not examples/policy.yaml without its first line but\n%s", m[1])
			}
		}
	}
}

func compiles(t *testing.T, name string, text []byte) {
	t.Helper()
	srcs := []policy.Source{{Name: name, Data: text}}
	p, ds := read.Parse(srcs)
	if len(ds) > 0 || p == nil {
		t.Fatalf("%s is no faultless policy:\n%v", name, ds)
	}
	if _, ds := compiler.Compile(p); len(ds) > 0 {
		t.Fatalf("%s does not compile:\n%v", name, ds)
	}
	if ds := lint.Apply(lint.Check(p), srcs, lint.Ran{}); len(ds) > 0 {
		t.Errorf("%s is no good policy:\n%v", name, ds.Error())
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

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// notYet is what the policy language knows and some version could not do, each in a policy.
var notYet = []struct{ section, key, text string }{
	{"gateway", "offload", "gateway: {offload: software}"},
	{"laddrs", "block", "laddrs:\n  p: {addresses: 198.51.100.0/28, ports: 1024-65535, block: 1024}\nzones:\n  - {name: z, from: 10.0.0.0/24, laddrs: p}"},
	{"zones", "to", "zones:\n  - {name: z, from: 10.0.0.0/8, to: 192.0.2.0/24, laddrs: 198.51.100.1}"},
	{"zones", "ports", "zones:\n  - {name: z, from: 10.0.0.0/8, ports: tcp/25, laddrs: 198.51.100.1}"},
	{"zones", "iif", "zones:\n  - {name: z, from: 10.0.0.0/8, iif: lan0, laddrs: 198.51.100.1}"},
	{"zones", "oif", "zones:\n  - {name: z, from: 10.0.0.0/8, oif: wan0, laddrs: 198.51.100.1}"},
	{"zones", "map", "zones:\n  - {name: z, from: 10.0.0.0/24, map: 198.51.100.0/24}"},
	{"services", "persistence", service + "persistence: 300s}"},
	{"services", "allow", service + "allow: 10.0.0.0/8}"},
	{"services", "deny", service + "deny: 10.0.0.0/8}"},
}

const service = "services:\n  - {name: s, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2], "

// TestNotYet holds the table "Not yet" of the guide against what the compiler refuses.
func TestNotYet(t *testing.T) {
	_, section, _ := strings.Cut(text(t, "docs/guide.md"), "\n## Not yet\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, c := range notYet {
		p, ds := read.Parse([]policy.Source{{Name: c.key, Data: []byte("version: 1\n" + c.text + "\n")}})
		if p == nil {
			t.Fatalf("%s: %v", c.key, ds)
		}
		_, ds = compiler.Compile(p)
		row := regexp.MustCompile("(?m)^\\| `" + c.section + "` \\|.*`" + c.key + "`")
		switch listed := row.MatchString(section); {
		case ds.Err() != nil && !listed:
			t.Errorf("the compiler refuses %s in %s, but docs/guide.md does not list it under Not yet: %v", c.key, c.section, ds)
		case ds.Err() == nil && listed:
			t.Errorf("docs/guide.md lists %s in %s under Not yet, but it compiles: move it from there to the tour of the policy", c.key, c.section)
		}
	}
}
