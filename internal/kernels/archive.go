package kernels

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive writes a cpio archive in the "newc" form that the kernel unpacks into its first file
// system (Documentation/driver-api/early-userspace/buffer-format.rst). Errors are kept for
// close.
type archive struct {
	w     *bufio.Writer
	err   error
	inode int
	seen  map[string]bool // directories that are in it
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriterSize(w, 1<<20), seen: map[string]bool{".": true}}
}

// add enters one file, directory or symbolic link, and the directories above it. Its contents
// are size bytes of r, or a link's target.
func (a *archive) add(name string, mode fs.FileMode, size int64, r io.Reader) {
	name = path.Clean(strings.TrimPrefix(name, "/"))
	if mode.IsDir() {
		if a.seen[name] {
			return
		}
		a.seen[name] = true
	}
	if dir := path.Dir(name); !a.seen[dir] {
		a.add(dir, fs.ModeDir|0o755, 0, nil)
	}
	bits := uint32(mode.Perm())
	switch {
	case mode.IsDir():
		bits |= 0o040000
	case mode&fs.ModeSymlink != 0:
		bits |= 0o120000
	default:
		bits |= 0o100000
	}
	a.entry(name, bits, size, r)
}

func (a *archive) entry(name string, bits uint32, size int64, r io.Reader) {
	if a.err != nil {
		return
	}
	a.inode++
	fmt.Fprintf(a.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a.inode, bits, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0)
	a.w.WriteString(name + "\x00")
	a.pad(110 + len(name) + 1) // the head's length
	if size > 0 {
		if _, err := io.CopyN(a.w, r, size); err != nil {
			a.err = fmt.Errorf("archive %s: %w", name, err)
		}
	}
	a.pad(int(size))
}

// pad fills up to a multiple of four.
func (a *archive) pad(n int) { a.w.WriteString("\x00\x00\x00"[:-n&3]) }

// text enters a file with a content of its own.
func (a *archive) text(name string, mode fs.FileMode, content string) {
	a.add(name, mode, int64(len(content)), strings.NewReader(content))
}

// link enters a symbolic link.
func (a *archive) link(name, target string) { a.text(name, fs.ModeSymlink|0o777, target) }

// file enters a file of this machine.
func (a *archive) file(name, from string) {
	f, err := os.Open(from)
	if err == nil {
		defer f.Close()
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			a.add(name, info.Mode(), info.Size(), f)
			return
		}
	}
	if a.err == nil {
		a.err = err
	}
}

// tree enters a directory of this machine with all that skip does not refuse.
func (a *archive) tree(name, from string, skip func(rel string, d fs.DirEntry) bool) {
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		switch {
		case err != nil:
			return err
		case skip != nil && rel != "." && skip(rel, d) && d.IsDir():
			return filepath.SkipDir
		case skip != nil && rel != "." && skip(rel, d):
			return nil
		case d.IsDir():
			a.add(path.Join(name, rel), fs.ModeDir|0o755, 0, nil)
		case d.Type().IsRegular():
			a.file(path.Join(name, rel), p)
		}
		return nil
	})
	if a.err == nil {
		a.err = err
	}
}

// close ends the archive.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, 0, nil)
	if err := a.w.Flush(); a.err == nil {
		a.err = err
	}
	return a.err
}
