package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// lock makes sure that one apply at a time changes a table. The lock is an abstract unix
// socket: its name is private to the network namespace (unix(7)), just as the table is, and
// it goes away with its process however that ends.
func lock(table string) (unlock func(), err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, exit{exitRefused, fmt.Errorf("lock table inet %s: %w", table, err)}
	}
	name := &unix.SockaddrUnix{Name: "@snatctl/" + table}
	if err = unix.Bind(fd, name); err == nil {
		err = unix.Listen(fd, 8)
	}
	if err == nil {
		return func() { unix.Close(fd) }, nil
	}
	unix.Close(fd)
	if !errors.Is(err, unix.EADDRINUSE) {
		return nil, exit{exitRefused, fmt.Errorf("lock table inet %s: %w", table, err)}
	}
	return nil, exit{exitBusy, fmt.Errorf("another apply is running on table inet %s in this network namespace%s; nothing was changed", table, holder(name))}
}

// holder names the process that holds the lock, or nothing where it cannot be told.
func holder(name *unix.SockaddrUnix) string {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	if unix.Connect(fd, name) != nil {
		return ""
	}
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || cred.Pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", cred.Pid)
}
