// Package host reads the facts of this machine that lint holds policies against: interfaces,
// routes, sysctls, listeners, other tables, units. It changes nothing, and reads the network
// namespace of the calling thread.
package host

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy/lint"
)

// Ask says what to look for beside what concerns every policy. The zero value is fine.
type Ask struct {
	Table string       // the policy's own table (family inet), whose chains are no others'
	Want  *nft.Ruleset // what the kernel is tried with, to know what it lacks; nil: not tried
	Root  string       // where /etc, /run and /usr/lib are looked for; empty: the root directory
}

// Unread is a part of the facts that could not be read, and why.
type Unread struct {
	Rules string // the codes of the rules that stay silent therefore: "H01, H03"
	Err   error
}

// Error says which rules were not applied.
func (u Unread) Error() string { return fmt.Sprintf("%s not checked: %v", u.Rules, u.Err) }

// Unwrap returns the reason.
func (u Unread) Unwrap() error { return u.Err }

// ErrNothing says that no fact could be read.
var ErrNothing = errors.New("nothing could be read of this host")

// Read reads what it can. What it cannot, for lack of permission or of the kernel's support,
// it returns by part; the error is ErrNothing if that is all.
func Read(ctx context.Context, ask Ask) (lint.Host, []Unread, error) {
	h := lint.Host{Kernel: release()}
	parts := []struct {
		rules string
		read  func() error
	}{
		// First, since it loads modules, whose sysctls are not there before.
		{"H03", func() error { return missing(ctx, &h, ask.Want) }},
		{"Z11, P03, P09, S03, H05", func() error { return interfaces(&h) }},
		{"Z12, P03, H05", func() error { return routes(&h) }},
		{"P09, H04, H05, C01, C02, C03", func() error { return sysctls(&h) }},
		{"S03", func() error { return listeners(&h) }},
		{"H01, H06", func() error { return chains(ctx, &h, ask.Table) }},
		{"H02", func() error { return units(&h, ask.Root) }},
	}
	var unread []Unread
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return h, unread, err
		}
		if err := p.read(); err != nil {
			unread = append(unread, Unread{p.rules, err})
		}
	}
	if len(unread) == len(parts) {
		return h, unread, ErrNothing
	}
	return h, unread, nil
}

// release returns the kernel's, as `uname -r` prints it.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
