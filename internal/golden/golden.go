// Package golden runs tests whose input and whole expected output are in one txtar file, so
// that a case can be read without looking anywhere else.
//
// Files of an archive whose names begin with "want" are output, all others are input.
// `go test -update` writes what the code does now into the archives; read the
// difference before you commit it.
package golden

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the actual output into the golden files")

// Updating tells whether the test is to write what the code does now (-update).
func Updating() bool { return *update }

// File is one file of an archive.
type File struct {
	Name string
	Data []byte
}

// Run makes a subtest of every archive that matches the glob. It gives the input files
// to fn, in their order, and compares what fn returns with the archive's output files,
// byte for byte. A glob without a match fails: a test without cases proves nothing.
func Run(t *testing.T, glob string, fn func(t *testing.T, input []File) (output []File)) {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no golden file matches %s", glob)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		t.Run(name, func(t *testing.T) { run(t, path, fn) })
	}
}

func run(t *testing.T, path string, fn func(t *testing.T, input []File) []File) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(text)
	var input, want []File
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want") {
			want = append(want, File(f))
		} else {
			input = append(input, File(f))
		}
	}
	got := fn(t, input)
	if *update {
		write(t, path, &txtar.Archive{Comment: archive.Comment}, append(input, got...))
		return
	}
	if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts what is new:\n%s", path, diff)
	}
}

// texts makes files comparable, with readable differences.
func texts(files []File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Name+"\n"+string(f.Data))
	}
	return out
}

// write stores an archive. It refuses output that txtar cannot hold: the next run would
// compare with something else.
func write(t *testing.T, path string, a *txtar.Archive, files []File) {
	for _, f := range files {
		a.Files = append(a.Files, txtar.File(f))
	}
	text := txtar.Format(a)
	again := txtar.Parse(text)
	if len(again.Files) != len(a.Files) {
		t.Fatalf("%s: a line of the output looks like a txtar file marker", path)
	}
	for i, f := range again.Files {
		if !bytes.Equal(f.Data, a.Files[i].Data) {
			t.Fatalf("%s: the output %s does not end with a newline", path, f.Name)
		}
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Text compares a file with what was made for it; -update writes it. The file is whole, as
// a generated document is.
func Text(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts what is new:\n%s", path, diff)
	}
}
