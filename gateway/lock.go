package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Lock makes sure that one apply at a time changes a table. It is a file that its holder has
// locked (flock(2)), and beside it a unix socket at which an apply that awaits confirmation
// listens. Both lie in a directory that only the superuser may enter, so that no process without
// privileges can hold the lock, hold up its holder, or learn from it. Their names tell the network
// namespace and the table. The lock goes away with its process, however that ends.
type Lock struct {
	*net.UnixListener
	file *os.File
}

// ErrLocked says that another process holds the lock of a table.
var ErrLocked = errors.New("another apply is running")

// TakeLock takes the lock of a table in this network namespace, or fails with ErrLocked.
func TakeLock(table string) (*Lock, error) {
	base, err := lockPath(table, makeDir)
	if err != nil {
		return nil, fmt.Errorf("lock table inet %s: %w", table, err)
	}
	f, err := lockFile(base + ".lock")
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock table inet %s: %w", table, err)
	}
	_ = os.Remove(base) // of a holder that was killed; listening fails if it stays
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: base})
	if err == nil {
		err = os.Chmod(base, 0o600)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock table inet %s: %w", table, err)
	}
	return &Lock{l, f}, nil
}

// Release lets go of the lock. The socket goes first, so that the next holder's is not removed.
func (l *Lock) Release() {
	l.Close()
	_ = os.Remove(l.file.Name())
	l.file.Close()
}

// Call connects to who holds the lock of a table: ECONNREFUSED if nobody does.
func Call(table string) (*net.UnixConn, error) {
	base, err := lockPath(table, ownDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unix.ECONNREFUSED
	}
	if err != nil {
		return nil, err
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: base})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unix.ECONNREFUSED
	}
	return c, err
}

// lockFile opens and locks a file. Who held it before may have removed it meanwhile: a lock on a
// file without a name excludes nobody.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			return nil, err
		}
		locked, err := f.Stat()
		if err == nil {
			var named os.FileInfo
			if named, err = os.Lstat(path); err == nil && os.SameFile(locked, named) {
				return f, nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// lockPath is what the names of a table's lock and socket begin with. Namespaces may share /run
// (`ip netns exec` does), so the path holds the namespace too: by the number that namespaces(7)
// gives it, which no other has while a process lives in it.
func lockPath(table string, check func(dir string) error) (string, error) {
	dir, err := lockDir(check)
	if err != nil {
		return "", err
	}
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return "", fmt.Errorf("find out the network namespace: %w", err)
	}
	name := url.PathEscape(table)
	if len(name) > 60 { // sun_path ends at 108 bytes (unix(7))
		name = fmt.Sprintf("%x", sha256.Sum256([]byte(table)))[:60]
	}
	return filepath.Join(dir, fmt.Sprintf("%d-%d-%s", ns.Dev, ns.Ino, name)), nil
}

// lockDirs are where locks live: the superuser's, and for who has CAP_NET_ADMIN alone, as root of
// a user namespace has, one of his own. These exclude no other user's.
func lockDirs() []string {
	return []string{"/run/snatctl", fmt.Sprintf("/tmp/snatctl-%d", outerUID())}
}

// outerUID is this user as the initial user namespace calls him (user_namespaces(7)).
func outerUID() int {
	uid := os.Geteuid()
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return uid
	}
	defer f.Close()
	for {
		var inside, outside, n int
		if _, err := fmt.Fscan(f, &inside, &outside, &n); err != nil {
			return uid
		}
		if uid >= inside && uid-inside < n {
			return outside + uid - inside
		}
	}
}

// lockDir returns the first directory for locks that passes a check.
func lockDir(check func(dir string) error) (string, error) {
	var all error
	for _, dir := range lockDirs() {
		err := check(dir)
		if err == nil {
			return dir, nil
		}
		all = errors.Join(all, err)
		if os.Geteuid() == 0 && outerUID() == 0 {
			break // the superuser's lock is nowhere else
		}
	}
	return "", all
}

// makeDir makes a directory that only this user may enter, unless it is there.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return ownDir(dir)
}

// ownDir fails unless a path is a directory that only this user may enter, and no link to one.
func ownDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d", dir, st.Uid)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("%s has mode %04o, so others may enter it (chmod 700)", dir, st.Mode&0o7777)
	}
	return nil
}
