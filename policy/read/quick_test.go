package read

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// FuzzQuick holds that what is read without yaml.v3 is the tree that yaml.v3 makes, and that
// the policy and all that is said about it are the same.
func FuzzQuick(f *testing.F) {
	for _, text := range quickTexts(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		alike(t, data)
	})
}

// alike fails where reading quickly makes a difference, and tells whether the text was.
func alike(t *testing.T, data []byte) bool {
	t.Helper()
	q, ok := scanQuick(withoutMark(data))
	if !ok {
		return false
	}
	src := policy.Source{Name: "policy.yaml", Data: data}
	slow, diag := Document(src)
	if diag != nil {
		t.Fatalf("read quickly, and yaml.v3 says %v\n%q", diag, data)
	}
	var m nodes
	root, _ := q.node(&m, 0)
	if why := unlike(slow, root); why != "" {
		t.Fatalf("%s\n%q", why, data)
	}
	l := newLoader()
	l.slow = true
	l.add(src)
	p1, ds1 := l.finish()
	p2, ds2 := Parse([]policy.Source{src})
	if !reflect.DeepEqual(ds1, ds2) {
		t.Fatalf("%v and %v\n%q", ds1, ds2, data)
	}
	if !reflect.DeepEqual(p1, p2) {
		t.Fatalf("other policies\n%q", data)
	}
	return true
}

// unlike says how two trees differ in what the walk looks at.
func unlike(a, b *yaml.Node) string {
	if a.Kind != b.Kind || a.Style != b.Style || a.Value != b.Value || a.Line != b.Line || a.Column != b.Column ||
		a.Anchor != b.Anchor || a.Alias != b.Alias || len(a.Content) != len(b.Content) {
		return fmt.Sprintf("yaml.v3 has %s, and this %s", nodeText(a), nodeText(b))
	}
	for i := range a.Content {
		if why := unlike(a.Content[i], b.Content[i]); why != "" {
			return why
		}
	}
	return ""
}

func nodeText(n *yaml.Node) string {
	return fmt.Sprintf("%d:%d kind %d style %d %q with %d", n.Line, n.Column, n.Kind, n.Style, n.Value, len(n.Content))
}

// quickTexts are the policies of all golden cases and examples, and some more.
func quickTexts(t testing.TB) []string {
	t.Helper()
	out := []string{
		"a: b\n", "a:\n  b: c\n", "a:\n- b\n- c\nd: e\n", "a:\n  - b: c\n    d: [e, f]\n  - {g: h, i: [j, {k: l}]}\n",
		"# c\na: b # d\n\n  # e\nc: # f\n  # g\n  - h # i\n# j\n  - k\n", "a: \"b c\"\nd: 'e # f'\ng: [\"h\", 'i', j k ]\n",
		"a: b:c ::d\n", "a: 1:2\nb: {c: d:e}\n", "a: [b,c , d,]\n", "a: []\nb: {}\n", "a:   b   \n", "a: b #\n", "a: - b\n",
		"- a\n", "a\n", "a:\n", "a:\nb: c\n", "a: b\n  c\n", "a: b\n c: d\n", "a:\n  b: c\n d: e\n", "a:\n  - b\n c: d\n", "a:\n- b\n-\n",
		"a: 'b'c\n", "a: 'b''c'\n", "a: \"b\\n\"\n", "a: \"\\r\\t\\\"\\\\\\0\\x41\\x1Bc\" # \"\n", "a: \"\\x80\"\n", "a: \"\\x4\"\n", "a: \"\\xg1\"\n", "a: \"\\u0041\"\n", "a: \"\\\"\n", "a: '\\n'\n", "a: [\"\\n\", \"b\\\\\"]\n",
		"a: /b/c?d=e%20f\n", "a: +b\n", "a: +\n", "a: /\n", "/a: b\n", "a: {b: /c, d: +1}\n", "a: / b\n", "a: [b\n", "a: [b]c\n", "a: {b: c} d\n", "a: {b}\n", "a: {b:c}\n", "a: [b: c]\n", "a: [b:, c]\n",
		"a: {b: }\n", "a: {b: c:}\n", "---\na: b\n", "a: b\n---\nc: d\n", "a: b\n...\n", "%YAML 1.1\n---\na: b\n", "a: &b c\n", "a: *b\n", "a: !b c\n",
		"a: |\n  b\n", "? a\n: b\n", "a : b\n", "a:b\n", "a:\tb\n", "a: b\t\n", "a: b\r\n", "a: b #\rc\n", "\ufeffa: b\n", "a: ü\n", "# ü\na: b\n", "# \x7f\na: b\n",
		"a: b", "a: [b]", "a: 'b'", "a: b #c", "a: b#c\n", "a: [b#c]\n", "a: [b #c]\n", "a: null\nb: ~\nc: true\n", "a: b - c\n", "a: -1\n", "a: .5\n", "a: ...\n",
		"a:\n  - b: c\n  - d\n  - - e\n", "a:\n  -  b: c\n     d: e\n", "a:\n  - b: c\n   d: e\n", "a:\n- b:\n  - c\n  d:\n  - e\n", "a: b\n#c\n#d\ne: f\n",
		"a: [b,\n  c,\n\n d]\n", "a: [\n b\n ]\n", "a: [\nb, c]\nd: e\n", "a: {b: c,\n  d: [e,\nf]}\n", "a: [b\n, c]\n", "a: [b, # c\n  d]\n", "a:\n  - {b: c,\nd: e}\n  - f\n",
		strings.Repeat("a", 200) + ": b\n", "a: " + strings.Repeat("b", 2000) + "\n", "a: [" + strings.Repeat("b, ", 2000) + "]\n",
		"a: " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "\n",
	}
	for _, pattern := range []string{"testdata/*.txtar", "../testdata/*/*.txtar", "../lint/testdata/*.txtar", "../../compiler/testdata/*/*.txtar"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range archive.Files {
				out = append(out, string(file.Data))
			}
		}
	}
	for _, pattern := range []string{"../../testdata/valid/*.yaml", "../../examples/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(data))
		}
	}
	return out
}

func TestQuickIsAlike(t *testing.T) {
	quick := 0
	texts := quickTexts(t)
	for _, text := range texts {
		if alike(t, []byte(text)) {
			quick++
		} else {
			t.Logf("not quick: %.60q", text)
		}
	}
	t.Logf("%d of %d texts are read quickly", quick, len(texts))
}

// The policies of the examples are of the kind that is read quickly.
func TestExamplesAreQuick(t *testing.T) {
	paths, _ := filepath.Glob("../../examples/*.yaml")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := scanQuick(data); !ok {
			t.Errorf("%s is left to yaml.v3", path)
		}
	}
}

// TestQuickMutated changes the texts here and there, by what means something in YAML.
func TestQuickMutated(t *testing.T) {
	pieces := []string{" ", "  ", "\n", "\n ", "\n  ", ":", ": ", ",", ", ", "[", "]", "{", "}", "- ", "-", "#", " #", "'", "\"", "\\", "&a ", "*a", "\\n", "\\x1f", "/", "+", "!t ", "|", ">", "?", "? ",
		"~", "null", "a", "a: b\n", "\n- ", "\n---\n", "\n...\n", "%", "\t", "\r\n", "ü", "\u2028", "\x00", "<<: ", "@", "`", "=", ".", "::", "0", "\n#c\n", "[a, b]", "{a: b}"}
	var texts []string
	for _, text := range quickTexts(t) {
		if _, ok := scanQuick([]byte(text)); ok && len(text) < 4000 {
			texts = append(texts, text)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	quick := 0
	for range mutations {
		text := texts[r.IntN(len(texts))]
		for range 1 + r.IntN(3) {
			at := r.IntN(len(text) + 1)
			end := min(len(text), at+max(0, r.IntN(8)-4)) // something goes, half of the time
			piece := pieces[r.IntN(len(pieces))]
			if r.IntN(4) == 0 && len(text) > 0 { // a part of the text itself
				from := r.IntN(len(text))
				piece = text[from:min(len(text), from+r.IntN(40))]
			}
			text = text[:at] + piece + text[end:]
		}
		if alike(t, []byte(text)) {
			quick++
		}
	}
	t.Logf("%d of %d texts are read quickly", quick, mutations)
}

// mutations is how many texts TestQuickMutated tries.
const mutations = 10_000
