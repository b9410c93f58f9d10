package toalink

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed programs are what the source compiles to. Compilers differ in what they make of it, so only
// that of Debian 12, clang 14, is asked.
func TestGenerated(t *testing.T) {
	out, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(out), "clang version 14.") {
		t.Skipf("there is no clang 14, which made the programs: %v", err)
	}
	dir := t.TempDir()
	text, err := os.ReadFile("generate.go")
	must(t, err)
	_, text, _ = bytes.Cut(text, []byte("bpf2go "))
	args := []string{"tool", "bpf2go", "-output-dir", dir}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	args = append(args, fields(string(line))...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOPACKAGE=toalink")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	made, err := filepath.Glob(dir + "/*")
	must(t, err)
	if len(made) != 4 {
		t.Errorf("made %q", made)
	}
	for _, path := range made {
		is, err := os.ReadFile(path)
		must(t, err)
		was, err := os.ReadFile(filepath.Base(path))
		must(t, err)
		if !bytes.Equal(is, was) {
			t.Errorf("%s is not what toa.c compiles to: run `make generate`", filepath.Base(path))
		}
	}
}

// fields splits a command as go generate does: at blanks that are not quoted.
func fields(line string) (out []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}
