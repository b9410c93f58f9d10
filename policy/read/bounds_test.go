package read

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy"
)

// endless gives one text again and again.
type endless struct{ text []byte }

func (e endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], e.text)
	}
	return n, nil
}

// Whatever is read has an end, and what a file may hold has bounds.
func TestSizeIsBounded(t *testing.T) {
	const size = "<stdin>: error: cannot read the policy: the files of a policy may have 32 MB together, and this one exceeds that; is it a policy? [F01]"
	const items = "<stdin>: error: cannot read the policy: the files of a policy may have 2000000 lines and commas together, and this one exceeds that; is it a policy? [F01]"
	for _, c := range []struct {
		name  string
		input io.Reader
		want  string
	}{
		{"zeros", endless{make([]byte, 1<<16)}, size},
		{"text", endless{[]byte(strings.Repeat("version: 1\n", 1<<12))}, size},
		{"lines", strings.NewReader("version: 1\nzones:\n" + strings.Repeat("- a\n", 2_000_000)), items},
		{"commas", strings.NewReader("version: 1\nzones: [a" + strings.Repeat(",a", 2_000_001)), items},
		{"nothing wrong", strings.NewReader("version: 1\n#" + strings.Repeat("x", 30<<20)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ds := Load([]string{"-"}, c.input)
			if got := ds.Error(); got != c.want || (p == nil) != (c.want != "") {
				t.Errorf("the policy is %v and the error\n%.300s\nwant\n%s", p != nil, got, c.want)
			}
		})
	}
}

// The bounds are those of all files together.
func TestSizeOfManyFiles(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, []byte("version: 1\n#"+strings.Repeat("x", 20<<20)), 0o666); err != nil {
		t.Fatal(err)
	}
	p, ds := Load([]string{large, "-"}, bytes.NewReader(bytes.Repeat([]byte("# x\n"), 4<<20)))
	if p != nil || len(ds) == 0 || !strings.Contains(ds.Error(), "32 MB together") {
		t.Errorf("36 MB in two files gave %v", ds)
	}
}

// Of very many errors the first are told, and how many more there are.
func TestDiagnosticsAreBounded(t *testing.T) {
	p, ds := Parse([]policy.Source{{Name: "f", Data: []byte("version: 1\nladdrs:\n  a: [" + strings.Repeat("x, ", 25_000) + "]\n")}})
	if p != nil || len(ds) != 10_000+1 {
		t.Fatalf("25,000 errors gave %d", len(ds))
	}
	if got, want := ds[10_000].String(), "f: error: and 15000 more errors [N03]"; got != want {
		t.Errorf("the last is\n%s\nwant\n%s", got, want)
	}
}

// A file that is small and means much, in any of the ways that YAML has for that, is refused.
func TestLaughs(t *testing.T) {
	var list, mapping strings.Builder
	list.WriteString("version: 1\nladdrs:\n  a0: &a0 [198.51.100.1, 198.51.100.2]\n")
	mapping.WriteString("version: 1\nzones:\n- &a0 {name: a, from: [10.0.0.0/8]}\n")
	for i := 1; i <= 30; i++ { // 2^30 values
		fmt.Fprintf(&list, "  a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
		fmt.Fprintf(&mapping, "- &a%d {name: a%d, from: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	self := "version: 1\nladdrs: &a\n  p: [*a, *a]\n  q: *a\n"
	merge := "version: 1\nbase: &b {from: 10.0.0.0/8}\nzones: [{<<: *b, name: a, action: drop}]\n"
	for name, text := range map[string]string{"list": list.String(), "mapping": mapping.String(), "itself": self, "merge": merge} {
		p, ds := Parse([]policy.Source{{Name: "f", Data: []byte(text)}})
		if p != nil || len(ds) == 0 || len(ds) > 1000 {
			t.Errorf("%s gave a policy (%v), or %d errors", name, p != nil, len(ds))
		}
	}
}

// Nesting of any kind ends in an error, not in a stack overflow.
func TestDeepNesting(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", n), "closed": strings.Repeat("[", n) + strings.Repeat("]", n),
		"braces": strings.Repeat("{", n), "mappings": strings.Repeat("{a: ", n), "dashes": strings.Repeat("- ", n),
		"keys": strings.Repeat("? ", n), "flow keys": strings.Repeat("[? ", n), "tags": strings.Repeat("!a [", n), "anchors": strings.Repeat("&a [", n),
	} {
		p, ds := Parse([]policy.Source{{Name: "f", Data: []byte("version: 1\nzones:\n  " + text + "\n")}})
		if p != nil || len(ds) != 1 || !strings.HasPrefix(ds[0].String(), "f:3:") && !strings.HasPrefix(ds[0].String(), "f:2:") {
			t.Errorf("%s gave %.200v", name, ds)
		}
	}
}

// What stands in a directory beside files is no file: reading it must not wait for a writer.
func TestLoadDirectoryOfOddities(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("a.yaml"), zone("a", "10.1.0.0/16"), 0o666),
		unix.Mkfifo(at("fifo.yaml"), 0o666),
		os.Symlink("/dev/zero", at("device.yaml")),
		os.Symlink("loop.yaml", at("loop.yaml")),
		os.Symlink(dir, at("directory.yaml")),
		os.Symlink("nothing", at("nothing.yaml")),
		os.WriteFile(at("b"), zone("b", "10.2.0.0/16"), 0o666),
		os.Symlink("b", at("link.yml")), // as Kubernetes mounts files
		os.Symlink(".", at("around")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const cannot = ": error: cannot read the policy: "
	want := map[string]string{
		"fifo.yaml":      cannot + "it is not a regular file (move it elsewhere, or name it with -f) [F01]",
		"device.yaml":    cannot + "it is not a regular file (move it elsewhere, or name it with -f) [F01]",
		"directory.yaml": cannot + "it is not a regular file (move it elsewhere, or name it with -f) [F01]",
		"loop.yaml":      cannot + "too many levels of symbolic links [F01]",
		"nothing.yaml":   cannot + "no such file or directory [F01]",
	}
	p, ds := Load([]string{dir}, nil)
	if p != nil || len(ds) != len(want) {
		t.Errorf("the policy is %v, and there are %d errors, want %d:\n%v", p, len(ds), len(want), ds)
	}
	for _, d := range ds {
		name := filepath.Base(d.Pos.File)
		if got := strings.TrimPrefix(d.String(), at(name)); got != want[name] {
			t.Errorf("%s: %s\nwant %s", name, got, want[name])
		}
	}
	if _, ds := Load([]string{at("loop.yaml"), at("around/around")}, nil); len(ds) == 0 || !strings.Contains(ds.Error(), "too many levels") {
		t.Errorf("a loop that is named gave %v", ds)
	}
}
