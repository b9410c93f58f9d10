package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy"
)

// Names of what an entry holds.
const (
	metadata = "entry.json"
	sources  = "policy"
	fresh    = ".new-" // how the names of entries begin that are being written
)

// sourceName is the name under which the n-th file of a policy is kept, counted from 0. In
// the order of their names they are in that of the policy.
func sourceName(n int) string { return fmt.Sprintf("%04d.yaml", n+1) }

// Add keeps an entry with the files of its policy. It fills in the number and the sums. The
// entry is on disk when Add returns, or after an error nothing of it is. Entries beyond Kept
// are dropped, and on a full disk all but the newest few.
func (s Store) Add(e Entry, files []policy.Source) (Entry, error) {
	if err := checkTable(e.Table); err != nil {
		return Entry{}, err
	}
	dir, err := s.make(e.Table)
	if err != nil {
		return Entry{}, err
	}
	written, err := s.add(dir, e, files)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		if s.prune(dir, e.Table, e.Time, keptFull) == nil {
			written, err = s.add(dir, e, files)
		}
	}
	note(dir, err != nil)
	if err != nil {
		return Entry{}, err
	}
	return written, s.prune(dir, e.Table, e.Time, Kept)
}

// add writes an entry and gives it its name.
func (s Store) add(dir string, e Entry, files []policy.Source) (Entry, error) {
	var err error
	e.dir, err = os.MkdirTemp(dir, fresh)
	if err != nil {
		return Entry{}, err
	}
	defer os.RemoveAll(e.dir) // it has another name if all goes well
	e.Files = nil
	if err := e.write(files); err != nil {
		return Entry{}, err
	}
	return e.name(dir)
}

// make makes the directories of a table as far as they are missing, each below one that nobody
// else may write, and returns the last.
func (s Store) make(table string) (string, error) {
	if err := checkParents(s.dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return "", err
	}
	dir := s.dir
	for _, name := range []string{"history", table} {
		if err := checkOurs(dir); err != nil {
			return "", err
		}
		dir = filepath.Join(dir, name)
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return s.ofTable(table)
}

// write fills the directory of a new entry, but for what tells its number.
func (e *Entry) write(files []policy.Source) error {
	dir := filepath.Join(e.dir, sources)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for i, f := range files {
		e.Files = append(e.Files, fileOf(f))
		if err := writeFile(filepath.Join(dir, sourceName(i)), func(w io.Writer) error { _, err := w.Write(f.Data); return err }); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// name gives a new entry the next number, and with it its name.
func (e Entry) name(dir string) (Entry, error) {
	last := 0
	numbers, err := numbersIn(dir)
	if err != nil {
		return Entry{}, err
	}
	if len(numbers) > 0 {
		last = numbers[0]
	}
	const tries = 100 // others may be faster, in other network namespaces
	for e.ID = last + 1; e.ID <= last+tries; e.ID++ {
		if err = e.writeMetadata(); err != nil {
			return Entry{}, err
		}
		to := filepath.Join(dir, entryName(e.ID))
		// A directory that is not empty is never replaced (rename(2)), and no entry is empty.
		if err = os.Rename(e.dir, to); err == nil {
			e.dir = to
			return e, syncDir(dir)
		}
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.ENOTDIR) {
			break
		}
	}
	return Entry{}, err
}

func (e Entry) writeMetadata() error {
	path := filepath.Join(e.dir, metadata)
	beside := filepath.Join(e.dir, fresh+metadata)
	_ = os.Remove(beside) // left over from one that did not come to its end
	err := writeFile(beside, func(w io.Writer) error {
		j := json.NewEncoder(w)
		j.SetEscapeHTML(false)
		j.SetIndent("", "  ")
		return j.Encode(e)
	})
	if err == nil {
		err = os.Rename(beside, path)
	}
	return errors.Join(err, syncDir(e.dir))
}

// Update writes down what became of an entry that Add or List returned.
func (s Store) Update(e Entry) error {
	if _, err := s.ofTable(e.Table); err != nil {
		return err
	}
	if err := realDir(e.dir); err != nil {
		return err
	}
	err := e.writeMetadata()
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		if s.prune(filepath.Dir(e.dir), e.Table, e.Time, keptFull) == nil {
			err = e.writeMetadata()
		}
	}
	note(filepath.Dir(e.dir), err != nil)
	return err
}

// Drop removes an entry that came to nothing.
func (s Store) Drop(e Entry) error {
	dir, err := s.ofTable(e.Table)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, entryName(e.ID))); err != nil {
		return err
	}
	return syncDir(dir)
}

// abandoned is how long an entry may take to be written. What is older is left over.
const abandoned = time.Hour

// prune drops the oldest entries beyond those to keep, but never the two newest good ones: boot needs
// the one, and the other should that fail.
func (s Store) prune(dir, table string, now time.Time, keep int) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if info, err := n.Info(); err == nil && strings.HasPrefix(n.Name(), fresh) && now.Sub(info.ModTime()) > abandoned {
			err = os.RemoveAll(filepath.Join(dir, n.Name()))
			if err != nil {
				return err
			}
		}
	}
	numbers, err := numbersIn(dir)
	if err != nil || len(numbers) <= keep {
		return err
	}
	entries, _, err := s.List(table)
	if err != nil {
		return err
	}
	needed := make(map[int]bool)
	for i, e := range Good(entries) {
		if i < 2 {
			needed[e.ID] = true
		}
	}
	for _, n := range numbers[keep:] {
		if !needed[n] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entryName(n))))
		}
	}
	return err
}

// writeFile makes a file that only we may read, and sees it onto the disk.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) {
		err = nil // file systems that have nothing to sync
	}
	return errors.Join(err, d.Close())
}
