package history_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/snatctl/snatctl/gateway/history"
)

// Nothing is made below a directory that others may write, nor behind another user's link.
func TestMakesNothingForOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs another user's link")
	}
	dir := t.TempDir()
	open, sticky, target := filepath.Join(dir, "open"), filepath.Join(dir, "sticky"), filepath.Join(dir, "target")
	for path, mode := range map[string]os.FileMode{open: 0o777, sticky: 0o777 | os.ModeSticky, target: 0o700} {
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(sticky, "link")
	if err := errors.Join(os.Symlink(target, link), os.Lchown(link, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{filepath.Join(open, "state"), filepath.Join(link, "state"), link} {
		_, err := history.Open(at).Add(history.Entry{Table: "snatctl", Time: noon, State: history.Applied}, nil)
		if !errors.Is(err, history.ErrUntrusted) {
			t.Errorf("%s: the error is %v", at, err)
		}
	}
	for _, made := range []string{filepath.Join(open, "state"), filepath.Join(target, "state"), filepath.Join(target, "history")} {
		if _, err := os.Lstat(made); err == nil {
			t.Errorf("%s was made", made)
		}
	}
}

// A directory named with the largest number leaves numbers for the entries that follow.
func TestLargestNumber(t *testing.T) {
	dir := t.TempDir()
	s := history.Open(dir)
	first := add(t, s, history.Applied, one("x"))
	for _, n := range []int{math.MaxInt32, math.MaxInt64} {
		if err := os.Mkdir(filepath.Join(filepath.Dir(first.Dir()), strconv.Itoa(n)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if e := add(t, s, history.Applied, one("y")); e.ID != first.ID+1 {
		t.Errorf("the next entry has number %d, want %d", e.ID, first.ID+1)
	}
	if es := list(t, s, 0); len(es) != 2 {
		t.Errorf("there are %d entries, want 2", len(es))
	}
}
