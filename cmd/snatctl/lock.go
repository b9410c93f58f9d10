package main

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// tableLock makes sure that one apply at a time changes a table. It is an abstract unix
// socket: its name is private to the network namespace (unix(7)), just as the table is, and it
// goes away with its process however that ends. An apply that awaits confirmation listens to
// it (trial.go).
type tableLock struct{ *net.UnixListener }

// lockAddr is the address of a table's lock.
func lockAddr(table string) *net.UnixAddr {
	return &net.UnixAddr{Net: "unix", Name: "@snatctl/" + table}
}

// lock takes the lock of a table, or fails with the exit status for it and names the holder.
func lock(table string) (tableLock, error) {
	l, err := net.ListenUnix("unix", lockAddr(table))
	if err == nil {
		return tableLock{l}, nil
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return tableLock{}, exit{exitRefused, fmt.Errorf("lock table inet %s: %w", table, err)}
	}
	return tableLock{}, exit{exitBusy, fmt.Errorf("another apply is running on table inet %s in this network namespace%s; nothing was changed", table, holder(table))}
}

func (l tableLock) release() { l.Close() }

// holder says who holds a lock and whether it awaits confirmation, or nothing where that
// cannot be told.
func holder(table string) string {
	c, err := callHolder(table)
	if err != nil {
		return ""
	}
	defer c.Close()
	who := fmt.Sprintf(" (process %d)", c.pid)
	if g, err := c.greeting(glance); err == nil {
		return who + ", and " + g.String()
	}
	return who
}
