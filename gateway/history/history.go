// Package history keeps what was applied, so that it can be looked at, gone back to, and applied
// again at boot: for every table a directory of numbered entries. An entry is a directory too,
// complete from the moment at which it has its name:
//
//	history/TABLE/000017/entry.json        who, when, what
//	history/TABLE/000017/policy/0001.yaml  the files of the policy as they were given
//	history/TABLE/missed                   whether a newer policy could not be kept
//
// The table is not kept: the policy makes it again. Entries of older versions hold it as
// table.nft.gz, which nobody reads.
//
// What is read back is not trusted: links are not followed, and an entry that is damaged is
// reported and left out.
package history

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy"
)

// Kept is how many entries of a table are kept, beside those that a boot may need.
const Kept = 50

// keptFull is how many are kept where the disk has no room for another.
const keptFull = 5

// Store is a state directory. It is made when the first entry is added.
type Store struct {
	dir string
}

// Open returns the store in a directory; it reads and makes nothing yet.
func Open(dir string) Store { return Store{dir} }

// Dir returns the state directory.
func (s Store) Dir() string { return s.dir }

// Entry is one policy that was applied.
type Entry struct {
	ID      int       `json:"id"` // counts up from 1 for each table
	Table   string    `json:"table"`
	Time    time.Time `json:"time"` // of the commit, UTC
	User    string    `json:"user"`
	Command string    `json:"command"` // apply, or rollback and to which entry
	Summary string    `json:"summary"`
	State   State     `json:"state"`
	Place   Place     `json:"place,omitzero"`
	Trial   bool      `json:"trial,omitempty"`   // it awaits confirmation once it is in force
	Unclean bool      `json:"unclean,omitempty"` // flows that contradict it have not been ended, or not all
	Files   []File    `json:"files"`             // in the order in which they were given

	Announced Announced `json:"announced,omitzero"`

	// Facts are the addresses of interfaces that were VIPs then.
	Facts policy.Facts `json:"facts,omitzero"`

	dir string // where it was read from
}

// Announced is where a policy had BIRD told of its addresses: somebody has to remove that file once it has gone.
// The zero value is nowhere.
type Announced struct {
	BIRD   string `json:"bird"`
	Socket string `json:"socket,omitempty"` // empty: where BIRD has it unless it is told otherwise
}

// Place is where a policy was applied. The zero value is not known: of older entries.
type Place struct {
	Boot  string `json:"boot,omitempty"`  // of the machine, as /proc/sys/kernel/random/boot_id has it
	NetNS string `json:"netns,omitempty"` // by the numbers that namespaces(7) gives it, which another may have after it

	Cookie uint64 `json:"netns_cookie,omitempty"` // of the namespace, which no other has until the machine stops (SO_NETNS_COOKIE, Linux 5.14); 0: not known
}

// Elsewhere tells whether two policies surely stood in different network namespaces.
func (p Place) Elsewhere(q Place) bool {
	return p.Boot != "" && p.Boot == q.Boot && (p.NetNS != q.NetNS || p.Cookie != q.Cookie && p.Cookie != 0 && q.Cookie != 0)
}

// Before tells whether the machine has surely started anew since.
func (p Place) Before(q Place) bool { return p.Boot != "" && q.Boot != "" && p.Boot != q.Boot }

// Dir returns the entry's directory.
func (e Entry) Dir() string { return e.dir }

// Holds tells whether an entry is of these very files: their names and what they hold.
func (e Entry) Holds(files []policy.Source) bool {
	return slices.EqualFunc(e.Files, files, func(f File, s policy.Source) bool { return f == fileOf(s) })
}

// File is one file of a policy.
type File struct {
	Name   string `json:"name"` // as it was given; <stdin> for standard input
	SHA256 string `json:"sha256"`
}

func fileOf(s policy.Source) File {
	sum := sha256.Sum256(s.Data)
	return File{s.Name, hex.EncodeToString(sum[:])}
}

// State says what became of an entry. Other values make an entry a damaged one.
type State string

// The states.
const (
	Pending     State = "pending"     // about to be applied; what stays so ended at that moment
	Applied     State = "applied"     // good: applied, and confirmed if that was asked for
	Unconfirmed State = "unconfirmed" // applied for now; what stays so ended without a word
	Reverted    State = "reverted"    // not confirmed, and taken back
)

func (s State) valid() bool {
	return s == Pending || s == Applied || s == Unconfirmed || s == Reverted
}

// Good returns the entries that were applied and not taken back, in the order given.
func Good(entries []Entry) []Entry {
	var out []Entry
	for _, e := range entries {
		if e.State == Applied {
			out = append(out, e)
		}
	}
	return out
}

// ErrUntrusted says that others than the superuser and this user could have written what a
// state directory holds.
var ErrUntrusted = errors.New("others may write to it (chmod go-w, chown root)")

// history returns the directory of all entries, which must be ours alone to write. Its parent
// may be a symbolic link, as systemd makes them; it is the operator's choice.
func (s Store) history() (string, error) {
	dir := filepath.Join(s.dir, "history")
	if err := checkParents(s.dir); err != nil {
		return "", err
	}
	for _, d := range []string{s.dir, dir} {
		if err := checkOurs(d); err != nil {
			return "", err
		}
	}
	return dir, realDir(dir)
}

// checkOurs fails if others than the superuser and this user may write to a directory.
func checkOurs(dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w", dir, ErrUntrusted)
	}
	return nil
}

// checkParents fails if others may put something else in the place of a directory: if they may
// write to one above it, unless that is sticky (as sshd and sudo look at paths). What does not
// exist yet is nobody's.
func checkParents(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if err := checkParent(at, at == dir); err != nil || at == "/" {
			return err
		}
		if real, err := filepath.EvalSymlinks(at); err == nil && real != at {
			if err := checkParents(real); err != nil {
				return err
			}
		}
	}
}

// checkParent looks at one directory of a path, or at a link in its place. The last of the
// path may be anything but somebody else's link.
func checkParent(dir string, last bool) error {
	var st unix.Stat_t
	switch err := unix.Lstat(dir, &st); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	link := st.Mode&unix.S_IFMT == unix.S_IFLNK
	foreign := st.Uid != 0 && int(st.Uid) != os.Geteuid()
	open := st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0
	if foreign && (link || !last) || open && !link && !last {
		return fmt.Errorf("%s: %w", dir, ErrUntrusted)
	}
	return nil
}

// ofTable returns the directory of a table's entries.
func (s Store) ofTable(table string) (string, error) {
	if err := checkTable(table); err != nil {
		return "", err
	}
	dir, err := s.history()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, table)
	if err := realDir(dir); err != nil {
		return "", err
	}
	return dir, checkOurs(dir)
}

func checkTable(name string) error {
	if name == "" || name[0] == '.' || filepath.Base(name) != name {
		return fmt.Errorf("%q is not a table name", name)
	}
	return nil
}

// realDir fails unless a path is a directory and no link to one.
func realDir(path string) error {
	switch info, err := os.Lstat(path); {
	case err != nil:
		return err
	case !info.IsDir():
		return &os.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	}
	return nil
}
