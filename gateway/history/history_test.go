package history_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/policy"
)

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// add keeps one more entry, which must succeed.
func add(t *testing.T, s history.Store, st history.State, files ...policy.Source) history.Entry {
	t.Helper()
	e, err := s.Add(history.Entry{Table: "snatctl", Time: noon, User: "ops", Command: "apply", Summary: "rules +1 -0", State: st}, files)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// list returns the entries; as many must be damaged.
func list(t *testing.T, s history.Store, damaged int) []history.Entry {
	t.Helper()
	es, bad, err := s.List("snatctl")
	if err != nil {
		t.Fatal(err)
	}
	if len(bad) != damaged {
		t.Errorf("%d entries are damaged, want %d: %v", len(bad), damaged, bad)
	}
	return es
}

func one(s string) policy.Source { return policy.Source{Name: "a.yaml", Data: []byte(s)} }

// What is kept comes back: files in their order, whatever their names, and all that is known.
func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	s := history.Open(dir)
	if es := list(t, s, 0); es != nil {
		t.Errorf("nothing was kept, and there is %v", es)
	}
	files := []policy.Source{{Name: "z.yaml", Data: []byte("version: 1\n")}, {Name: "<stdin>", Data: []byte{}}, {Name: "../../a.yaml", Data: []byte("ä\x00")}}
	first, second := add(t, s, history.Applied, files...), add(t, s, history.Unconfirmed, one("x"))
	es := list(t, s, 0)
	if len(es) != 2 || es[0].ID != 2 || es[1].ID != 1 || es[0].Dir() != second.Dir() {
		t.Fatalf("the entries are %+v", es)
	}
	if e := es[1]; !e.Time.Equal(noon) || e.User != "ops" || e.Summary != "rules +1 -0" || e.State != history.Applied || e.Dir() != first.Dir() {
		t.Errorf("the first entry is %+v", e)
	}
	got, err := s.Sources(es[1])
	if err != nil || len(got) != 3 {
		t.Fatalf("the sources are %v, %v", got, err)
	}
	for i := range got {
		if got[i].Name != files[i].Name || string(got[i].Data) != string(files[i].Data) {
			t.Errorf("file %d is %+v, want %+v", i, got[i], files[i])
		}
	}
	if tables, err := s.Tables(); err != nil || len(tables) != 1 || tables[0] != "snatctl" {
		t.Errorf("the tables are %v, %v", tables, err)
	}
}

// Entries of older versions, which held the compiled table as well, are read like others.
func TestOlderEntry(t *testing.T) {
	s := history.Open(t.TempDir())
	e := add(t, s, history.Applied, one("version: 1\n"))
	if err := os.WriteFile(filepath.Join(e.Dir(), "table.nft.gz"), []byte{0x1f, 0x8b}, 0o600); err != nil {
		t.Fatal(err)
	}
	es := list(t, s, 0)
	if len(es) != 1 {
		t.Fatalf("the entries are %+v", es)
	}
	if got, err := s.Sources(es[0]); err != nil || len(got) != 1 || string(got[0].Data) != "version: 1\n" {
		t.Errorf("the sources are %v, %v", got, err)
	}
	es[0].State = history.Reverted
	if err := s.Update(es[0]); err != nil {
		t.Error(err)
	}
}

// Nobody else may look: policies tell of customers.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	add(t, history.Open(dir), history.Applied, one("x"))
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpdate(t *testing.T) {
	s := history.Open(t.TempDir())
	add(t, s, history.Applied, one("a"))
	e := add(t, s, history.Unconfirmed, one("b"))
	if good := history.Good(list(t, s, 0)); len(good) != 1 || good[0].ID != 1 {
		t.Errorf("good is %v, want the first alone", good)
	}
	for _, st := range []history.State{history.Reverted, history.Applied} {
		e.State = st
		if err := s.Update(e); err != nil {
			t.Fatal(err)
		}
		if es := list(t, s, 0); es[0].State != st || es[0].User != "ops" {
			t.Errorf("marked %s it is %+v", st, es[0])
		}
	}
	if good := history.Good(list(t, s, 0)); len(good) != 2 {
		t.Errorf("good is %v, want both", good)
	}
}

// The newest 50 stay, and of the others the two newest good ones, which boot needs.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	s := history.Open(dir)
	for range 3 {
		add(t, s, history.Applied, one("good"))
	}
	for range history.Kept + 5 {
		add(t, s, history.Reverted, one("bad"))
	}
	es := list(t, s, 0)
	if len(es) != history.Kept+2 || es[0].ID != history.Kept+8 || es[history.Kept].ID != 3 || es[history.Kept+1].ID != 2 {
		t.Errorf("%d entries are left, the last %+v", len(es), es[len(es)-1])
	}
	left := filepath.Join(dir, "history", "snatctl", ".new-1")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, noon, noon.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	add(t, s, history.Applied, one("good"))
	if _, err := os.Stat(left); err == nil {
		t.Error("what an earlier process left over is still there")
	}
}

// An entry that is damaged, in whatever way, is reported and hides none of the others.
func TestDamaged(t *testing.T) {
	entry := func(name string) func(history.Entry) string {
		return func(e history.Entry) string { return filepath.Join(e.Dir(), name) }
	}
	for _, c := range []struct {
		name   string
		path   func(history.Entry) string
		do     func(path string) error
		listed bool // the sources alone are damaged
	}{
		{"metadata empty", entry("entry.json"), func(p string) error { return os.Truncate(p, 0) }, false},
		{"metadata cut", entry("entry.json"), func(p string) error { return os.Truncate(p, 40) }, false},
		{"metadata gone", entry("entry.json"), os.Remove, false},
		{"metadata of something else", entry("entry.json"), func(p string) error { return os.WriteFile(p, []byte(`{"id":1}`), 0o600) }, false},
		{"metadata a link", entry("entry.json"), func(p string) error {
			return errors.Join(os.Rename(p, p+"2"), os.Symlink("entry.json2", p))
		}, false},
		{"metadata a pipe", entry("entry.json"), func(p string) error { return errors.Join(os.Remove(p), unix.Mkfifo(p, 0o600)) }, false},
		{"metadata too large", entry("entry.json"), func(p string) error { return os.Truncate(p, 1<<30) }, false},
		{"a file", entry(""), func(p string) error { return errors.Join(os.RemoveAll(p), os.WriteFile(filepath.Clean(p), nil, 0o600)) }, false},
		{"a link", entry(""), func(p string) error {
			p = filepath.Clean(p)
			return errors.Join(os.Rename(p, p+"x"), os.Symlink(p+"x", p))
		}, false},
		{"source changed", entry("policy/0001.yaml"), func(p string) error { return os.WriteFile(p, []byte("other"), 0o600) }, true},
		{"source gone", entry("policy/0001.yaml"), os.Remove, true},
		{"source a link", entry("policy/0001.yaml"), func(p string) error {
			return errors.Join(os.Rename(p, p+"2"), os.Symlink("0001.yaml2", p))
		}, true},
		{"sources a link", entry("policy"), func(p string) error { return errors.Join(os.Rename(p, p+"2"), os.Symlink("policy2", p)) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := history.Open(t.TempDir())
			add(t, s, history.Applied, one("a"))
			e := add(t, s, history.Applied, one("b"))
			add(t, s, history.Applied, one("c"))
			if err := c.do(c.path(e)); err != nil {
				t.Fatal(err)
			}
			if !c.listed {
				if es := list(t, s, 1); len(es) != 2 || es[0].ID != 3 || es[1].ID != 1 {
					t.Errorf("listed are %+v", es)
				}
			} else if _, err := s.Sources(list(t, s, 0)[1]); !errors.Is(err, history.ErrDamaged) {
				t.Errorf("the sources are read with %v", err)
			}
			if next := add(t, s, history.Applied, one("d")); next.ID != 4 {
				t.Errorf("the next entry is %d", next.ID)
			}
		})
	}
}

// A directory that others may write to is not used: boot would apply what they wrote.
func TestUntrusted(t *testing.T) {
	dir := t.TempDir()
	s := history.Open(dir)
	add(t, s, history.Applied, one("a"))
	for _, d := range []string{dir, filepath.Join(dir, "history")} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.List("snatctl"); !errors.Is(err, history.ErrUntrusted) {
			t.Errorf("%s is read with %v", d, err)
		}
		if _, err := s.Add(history.Entry{Table: "snatctl", Time: noon, State: history.Applied}, []policy.Source{one("x")}); !errors.Is(err, history.ErrUntrusted) {
			t.Errorf("%s is written to with %v", d, err)
		}
		if err := os.Chmod(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"", ".", "..", "../x", "a/b", "/etc"} {
		if _, _, err := s.List(table); err == nil {
			t.Errorf("%q is taken for a table", table)
		}
		if _, err := s.Add(history.Entry{Table: table, State: history.Applied}, nil); err == nil {
			t.Errorf("%q is taken for a table to add to", table)
		}
	}
}

// What cannot be written leaves nothing behind.
func TestFailedAdd(t *testing.T) {
	dir := t.TempDir()
	s := history.Open(dir)
	undo := limitFiles(t, 1<<20) // what go test itself writes meanwhile is smaller
	_, err := s.Add(history.Entry{Table: "snatctl", Time: noon, State: history.Applied}, []policy.Source{one(strings.Repeat("x", 1<<21))})
	undo()
	if !errors.Is(err, unix.EFBIG) {
		t.Errorf("Add fails with %v", err)
	}
	names, err := os.ReadDir(filepath.Join(dir, "history", "snatctl"))
	if err != nil || len(names) != 1 || names[0].Name() != "missed" {
		t.Errorf("left are %v, %v", names, err)
	}
	if !s.Missed("snatctl") {
		t.Error("nobody knows that a policy is missed")
	}
	add(t, s, history.Applied, one("version: 1\n"))
	if s.Missed("snatctl") {
		t.Error("a policy is missed although the last one was kept")
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := history.Open(filepath.Join(dir, "file")).Add(history.Entry{Table: "snatctl", State: history.Applied}, nil); err == nil || !strings.Contains(err.Error(), "file") {
		t.Errorf("a file in place of the directory: %v", err)
	}
}

// limitFiles lets no file of this process grow beyond a size, until undo is called.
func limitFiles(t *testing.T, size uint64) (undo func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ) // setrlimit(2), RLIMIT_FSIZE: EFBIG instead
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		signal.Reset(unix.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
	}
}
