package kernels

import (
	"bytes"
	"errors"
	"io/fs"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ kernel, nft, suite, userland string }{
		{"6.1", "", "bookworm", "bookworm"},
		{"bookworm", "1.1.3", "bookworm", "trixie"},
		{"7.3", "", "trixie-backports", "sid"}, // has no nft of its own
	} {
		g, err := Find(c.kernel, c.nft)
		if err != nil || g.Kernel.Suite != c.suite || g.Userland.Suite != c.userland {
			t.Errorf("kernel %q with nft %q is %s with %s (%v), want %s with %s", c.kernel, c.nft, g.Kernel.Suite, g.Userland.Suite, err, c.suite, c.userland)
		}
	}
	for _, c := range [][2]string{{"2.6", ""}, {"", ""}, {"6.1", "0.1"}} {
		if g, err := Find(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "there are ") {
			t.Errorf("kernel %q with nft %q is %v (%v)", c[0], c[1], g, err)
		}
	}
}

// A reader after the kernel's description of the format finds what was entered, directories
// before what is in them.
func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a := newArchive(&b)
	a.text("a/b/one", 0o644, "12345")
	a.text("/a/two", 0o755, "")
	a.link("three", "a/two")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"a 40755 ", "a/b 40755 ", "a/b/one 100644 12345", "a/two 100755 ", "three 120777 a/two", "TRAILER!!! 0 "}
	if got := entries(t, b.Bytes()); !slices.Equal(got, want) {
		t.Errorf("the archive holds\n%q, want\n%q", got, want)
	}
}

func entries(t *testing.T, b []byte) (out []string) {
	up := func(n uint64) uint64 { return (n + 3) &^ 3 }
	for len(b) >= 110 {
		field := func(i int) uint64 {
			n, err := strconv.ParseUint(string(b[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		mode, size, name := field(1), field(6), field(11)
		body := up(110 + name)
		out = append(out, string(b[110:110+name-1])+" "+strconv.FormatUint(mode, 8)+" "+string(b[body:body+size]))
		b = b[up(body+size):]
	}
	return out
}

func TestArchiveKeepsErrors(t *testing.T) {
	a := newArchive(&bytes.Buffer{})
	a.file("x", t.TempDir()+"/nowhere")
	a.text("y", 0o644, "")
	if err := a.close(); err == nil {
		t.Error("a file that is not there is no error")
	}
	a = newArchive(&bytes.Buffer{})
	a.add("short", 0o644, 5, strings.NewReader("123"))
	if err := a.close(); err == nil {
		t.Error("a file that ends early is no error")
	}
}

func TestTreeSkips(t *testing.T) {
	var b bytes.Buffer
	a := newArchive(&b)
	a.tree("src", ".", func(rel string, d fs.DirEntry) bool { return rel == "boot" || strings.HasSuffix(rel, ".go") })
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries(t, b.Bytes()) {
		if strings.Contains(e, ".go ") || strings.Contains(e, "boot") {
			t.Errorf("the archive holds %.40q", e)
		}
	}
	if !bytes.Contains(b.Bytes(), []byte("src/init.sh\x00")) {
		t.Error("init.sh is missing")
	}
}

// The script that a guest runs, run here: words arrive as they are, statuses in order.
func TestScript(t *testing.T) {
	job := Job{Commands: []Command{
		{Args: []string{"printf", "%s|%s|", "it's $HOME", "a  b\\"}},
		{Args: []string{"sh", "-c", `pwd; echo "$WORD"; exit 3`}, Dir: "usr", Env: []string{"WORD=x y"}},
		{Args: []string{"no-such-program"}},
	}}
	out, err := exec.Command("sh", "-c", job.script()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	statuses, err := relay(bytes.NewReader(out), &said)
	if err != nil || !slices.Equal(statuses, []int{0, 3, 127}) {
		t.Errorf("the statuses are %v (%v)", statuses, err)
	}
	if want := "it's $HOME|a  b\\|\n/usr\nx y\n\n\n"; said.String() != want {
		t.Errorf("the commands said %q, want %q", said.String(), want)
	}
}

func TestRelayOfNonsense(t *testing.T) {
	if _, err := relay(strings.NewReader(ended+"what\n"), &strings.Builder{}); err == nil {
		t.Error("a status that is no number is no error")
	}
}

func TestWithoutQemu(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	g, err := Find("6.1", "")
	if err != nil {
		t.Fatal(err)
	}
	g.Cache = t.TempDir()
	if err := g.Prepare(t.Context()); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "qemu-system-x86") {
		t.Errorf("the error is %v", err)
	}
	if _, err := g.Run(t.Context(), Job{}, &bytes.Buffer{}); !errors.Is(err, ErrMissing) {
		t.Errorf("the error is %v", err)
	}
}
