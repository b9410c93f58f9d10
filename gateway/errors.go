package gateway

import (
	"fmt"

	"github.com/snatctl/snatctl/plain"
)

// An operation that fails with any other error than these has changed nothing.

// BusyError says that another process holds the table. Nothing was changed.
type BusyError struct {
	Table string
	By    Holder
}

// Error names who holds it.
func (e *BusyError) Error() string {
	if e.By.Agent != "" {
		return fmt.Sprintf("table inet %s of this network namespace is held by the agent (process %d, %s), which keeps it as its own files say; nothing was changed (--take-over of apply, rollback and flush ends it first)", e.Table, e.By.PID, e.By.Agent)
	}
	return fmt.Sprintf("%v on table inet %s in this network namespace%s; nothing was changed", ErrLocked, e.Table, e.By)
}

// Unwrap returns ErrLocked.
func (e *BusyError) Unwrap() error { return ErrLocked }

// ForeignError says that a table was not made by snatctl. Nothing was changed.
type ForeignError struct{ Table string }

// Error says how to go on.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("table inet %s was not made by snatctl, so it is kept: --foreign removes it anyway (`nft list table inet %[1]s` shows it)", e.Table)
}

// IncompleteError says that a policy is in force, but not all that belongs to it was done.
type IncompleteError struct{ Err error }

// Error returns the reason.
func (e *IncompleteError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *IncompleteError) Unwrap() error { return e.Err }

func incomplete(format string, args ...any) error {
	return &IncompleteError{fmt.Errorf(format, args...)}
}

// RevertedError says that a policy was not confirmed and has been taken back.
type RevertedError struct {
	Table string
	Why   string // "nobody confirmed within 2m0s"
	Ended int    // flows that contradicted the table that is back
	Left  error  // why some of these may be left
}

// Error says which table is in force now.
func (e *RevertedError) Error() string {
	s := fmt.Sprintf("%s: taken back, table inet %s is as it was before", e.Why, e.Table)
	if e.Ended > 0 {
		s += "; ended " + plain.Count(e.Ended, "flow") + " that contradicted it"
	}
	if e.Left != nil {
		s += fmt.Sprintf("; connections that contradict it may remain: %v", e.Left)
	}
	return s
}

// Unwrap returns what kept flows from being ended.
func (e *RevertedError) Unwrap() error { return e.Left }
