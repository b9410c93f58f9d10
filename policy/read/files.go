package read

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/snatctl/snatctl/policy"
)

// Bounds of what Load reads, all files together. A policy of 30,000 services has about 5 MB
// and 200,000 lines and commas; the bounds keep a wrong path (a device, an image) from filling
// the memory, and a hostile file from taking more than a few hundred MB and some seconds.
const (
	maxSize  = 32 << 20  // bytes
	maxItems = 2_000_000 // lines and commas, which bound how many values a file can hold
)

// Files returns the policy files that a path names: the path itself, or for a directory its
// *.yaml and *.yml, sorted by name. It fails where there are none.
func Files(path string) ([]string, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); (ext == ".yaml" || ext == ".yml") && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if files == nil {
		return nil, errors.New("the directory has no *.yaml or *.yml files")
	}
	return files, nil
}

// readFile adds one file. One that was named may be a pipe, such as a shell's <(command); one
// that merely lies in a directory must not keep snatctl waiting for who writes to it.
func (l *loader) readFile(path string, named bool) {
	info, err := os.Stat(path)
	if err == nil && !named && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		l.unreadable(path, err)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		l.unreadable(path, err)
		return
	}
	defer f.Close()
	l.read(path, f, info.Size())
}

var errNotRegular = errors.New("it is not a regular file (move it elsewhere, or name it with -f)")

// read adds what r holds; size is about how much.
func (l *loader) read(name string, r io.Reader, size int64) {
	if r == nil {
		l.unreadable(name, errors.New("there is no standard input"))
		return
	}
	data, err := readUpTo(r, size, maxSize-l.size)
	if err != nil {
		l.unreadable(name, err)
		return
	}
	l.add(policy.Source{Name: name, Data: data})
}

// Text reads the text of one policy file, and fails where that is larger than a policy may be.
func Text(r io.Reader) ([]byte, error) { return readUpTo(r, 0, maxSize) }

// readUpTo reads all that r holds, if that is no more than room; size is about how much.
func readUpTo(r io.Reader, size int64, room int) ([]byte, error) {
	var data bytes.Buffer
	data.Grow(int(min(size, int64(room))) + bytes.MinRead)
	_, err := data.ReadFrom(io.LimitReader(r, int64(room)+1))
	if err == nil && data.Len() > room {
		err = fmt.Errorf("the files of a policy may have %d MB together, and this one exceeds that; is it a policy?", maxSize>>20)
	}
	return data.Bytes(), err
}

// unreadable reports a file or directory that could not be read.
func (l *loader) unreadable(name string, err error) {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // the place says the path already
	}
	l.incomplete = true
	l.report.Add(policy.Diagnostic{
		Pos: policy.Pos{File: name}, Severity: policy.Error, Code: "F01",
		Msg: "cannot read the policy: " + err.Error(),
	})
}
