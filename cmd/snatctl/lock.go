package main

import (
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/gateway"
)

// lock takes the lock of a table, or fails with the exit status for it and names the holder.
func lock(table string) (*gateway.Lock, error) {
	l, err := gateway.TakeLock(table)
	switch {
	case errors.Is(err, gateway.ErrLocked):
		return nil, exit{exitBusy, fmt.Errorf("%w on table inet %s in this network namespace%s; nothing was changed", err, table, holder(table))}
	case err != nil:
		return nil, exit{exitRefused, err}
	}
	return l, nil
}

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
