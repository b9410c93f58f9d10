package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Listen makes the socket at which an agent takes requests. Only this user may call, and the members
// of a group if one is named. A socket that nobody answers at any more is replaced.
func Listen(path, group string) (net.Listener, error) {
	gid, mode := -1, fs.FileMode(0o600)
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, err
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return nil, err
		}
		mode = 0o660
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: another agent answers there: give this one a socket of its own (--socket)", path)
	} else if errors.Is(err, unix.ECONNREFUSED) {
		_ = os.Remove(path) // of an agent that was killed; listening fails if it stays
	}
	old := unix.Umask(0o177) // nobody else may call before its mode is set
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, err
	}
	if gid >= 0 {
		err = os.Chown(path, -1, gid)
	}
	if err = errors.Join(err, os.Chmod(path, mode)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
