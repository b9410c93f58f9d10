package history

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy"
)

// Bounds for what is read back: metadata, and one file of a policy (as package policy has it).
const (
	maxMetadata = 1 << 20
	maxSource   = 64 << 20
)

// ErrDamaged says that an entry is not as it was written.
var ErrDamaged = errors.New("damaged")

// Damaged is an entry that is not as it was written, or cannot be read.
type Damaged struct {
	ID  int
	Err error
}

// Error names the entry.
func (d *Damaged) Error() string { return fmt.Sprintf("entry %d of the history: %v", d.ID, d.Err) }

// Unwrap returns the reason.
func (d *Damaged) Unwrap() error { return d.Err }

// lastID bounds numbers, so that no directory that somebody made by hand leaves none for the next.
const lastID = 1<<31 - 1<<10

func entryName(id int) string { return fmt.Sprintf("%06d", id) }

// numbersIn returns the numbers of a table's entries, the newest first.
func numbersIn(dir string) ([]int, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, n := range names {
		if id, err := strconv.Atoi(n.Name()); err == nil && id > 0 && id <= lastID && entryName(id) == n.Name() {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(b, a) })
	return out, nil
}

// List returns a table's entries, the newest first, and for each that is damaged why: a Damaged.
// Where nothing was ever kept there are none.
func (s Store) List(table string) (entries []Entry, damaged []error, err error) {
	dir, err := s.ofTable(table)
	var numbers []int
	if err == nil {
		numbers, err = numbersIn(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range numbers {
		e, err := readEntry(filepath.Join(dir, entryName(n)), table, n)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !exists(filepath.Join(dir, entryName(n))):
			// another process dropped it just now
		case err != nil:
			damaged = append(damaged, &Damaged{n, err})
		default:
			entries = append(entries, e)
		}
	}
	return entries, damaged, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Tables returns the tables of which there are entries, sorted.
func (s Store) Tables() ([]string, error) {
	dir, err := s.history()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	var out []string
	for _, n := range names {
		if n.IsDir() && n.Name()[0] != '.' {
			out = append(out, n.Name())
		}
	}
	return out, err
}

func readEntry(dir, table string, id int) (Entry, error) {
	if err := realDir(dir); err != nil {
		return Entry{}, err
	}
	b, err := readFile(filepath.Join(dir, metadata), maxMetadata)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("%s: %w: %w", filepath.Join(dir, metadata), ErrDamaged, err)
	}
	if e.ID != id || e.Table != table || !e.State.valid() || len(e.Files) == 0 {
		return Entry{}, fmt.Errorf("%s: %w: it is not about entry %d of table %s", filepath.Join(dir, metadata), ErrDamaged, id, table)
	}
	e.dir = dir
	return e, nil
}

// Sources returns the files of an entry's policy as they were given. It fails with ErrDamaged
// if they are not what was written.
func (s Store) Sources(e Entry) ([]policy.Source, error) {
	dir := filepath.Join(e.dir, sources)
	if err := realDir(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var out []policy.Source
	for i, f := range e.Files {
		path := filepath.Join(dir, sourceName(i))
		data, err := readFile(path, maxSource)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		s := policy.Source{Name: f.Name, Data: data}
		if fileOf(s) != f {
			return nil, fmt.Errorf("%s: %w: its text is not the one that was written", path, ErrDamaged)
		}
		out = append(out, s)
	}
	return out, nil
}

// readFile reads a regular file of bounded size, and follows no link to it.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // a named pipe would wait
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: %w: it is not a regular file", path, ErrDamaged), err)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s: %w: it is too large", path, ErrDamaged)
	}
	return b, err
}
