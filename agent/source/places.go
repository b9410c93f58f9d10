package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy/read"
)

// follow watches the directories on which the files depend now, and no others.
func (f *Files) follow(w *fsnotify.Watcher, watched map[string]bool) {
	now := map[string]bool{}
	for _, p := range f.paths {
		places(p, now)
		files, _ := read.Files(p)
		for _, file := range files {
			places(file, now)
		}
	}
	for dir := range watched {
		if !now[dir] {
			_ = w.Remove(dir) // it may be gone
			delete(watched, dir)
		}
	}
	for dir := range now {
		// A directory that was made anew under its name is another one, so it is added again: that does
		// nothing where it is the same.
		if w.Add(dir) == nil {
			watched[dir] = true
		}
	}
}

// mostLinks bounds how many links a path may lead through, as the kernel does (path_resolution(7)).
const mostLinks = 40

// places enters the directories that tell of changes to a path: the one that holds it, the ones that
// hold links on the way, the directory itself if it is one. Where something is missing, that is the
// directory that it is missing from.
func places(path string, out map[string]bool) {
	at, rest, links := "/", strings.Split(filepath.Clean(path), "/"), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			out[at] = true
			return
		case info.Mode()&fs.ModeSymlink != 0:
			out[at] = true
			to, err := os.Readlink(next)
			if links++; err != nil || links > mostLinks {
				return
			}
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(filepath.Clean(to), "/"), rest...)
		case len(rest) == 0 && info.IsDir():
			out[next] = true
			out[at] = true // it may be replaced
		case len(rest) == 0:
			out[at] = true
		default:
			at = next
		}
	}
}

// Modified returns when the newest of the files was changed; zero if there is none. That is what they say of
// themselves: copies may keep the time of what they are copies of.
func (f *Files) Modified() (newest time.Time) {
	for _, p := range f.paths {
		files, _ := read.Files(p)
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
	}
	return newest
}

// mark is different whenever the files are: their names, which files these are, their sizes and times.
func (f *Files) mark() string {
	var b strings.Builder
	for _, p := range f.paths {
		files, err := read.Files(p)
		fmt.Fprintln(&b, p, err != nil)
		for _, file := range files {
			var st unix.Stat_t
			err := unix.Stat(file, &st)
			fmt.Fprintln(&b, file, err, st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim)
		}
	}
	return b.String()
}
