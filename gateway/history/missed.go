package history

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// missed is the name of a file that says whether a policy is in force that the history lacks: "1".
// It is made with the first entry and written in place, for which a full disk has room.
const missed = "missed"

// Missed tells whether a policy was applied to a table after its newest entry that could not be
// kept. A boot that takes the newest one takes an older policy then.
func (s Store) Missed(table string) bool {
	dir, err := s.ofTable(table)
	if err != nil {
		return false
	}
	b, err := readFile(filepath.Join(dir, missed), maxMetadata)
	return err == nil && len(b) > 0 && b[0] == '1'
}

// note writes down whether a policy is missed, as well as that goes.
func note(dir string, is bool) {
	f, err := os.OpenFile(filepath.Join(dir, missed), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	now, was := []byte{'0', '\n'}, make([]byte, 2)
	if is {
		now[0] = '1'
	}
	if _, err := f.ReadAt(was, 0); err == nil && was[0] == now[0] {
		return
	}
	if _, err := f.WriteAt(now, 0); err == nil {
		_ = f.Sync()
	}
}
