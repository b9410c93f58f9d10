// Package host reads the facts of this machine: for lint those that its rules need (Read), for
// others one by one (Addresses, Devices, Sysctl). It looks at the network namespace of the
// calling thread, and changes nothing except through SetSysctl and Module.
package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy/lint"
)

// Ask says what to look for. The zero value asks for nothing.
type Ask struct {
	Rules []lint.Rule  // what they need is read, and no more
	Table string       // the policy's own table (family inet), whose chains are no others'
	Files []string     // that health checks need: lint.CheckFiles
	Names []string     // that health checks send: lint.CheckNames
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

// Read reads what the rules need, as far as it can. What it cannot, for lack of permission or of
// the kernel's support, it returns by part; the error is ErrNothing if that is all.
func Read(ctx context.Context, ask Ask) (lint.Host, []Unread, error) {
	h := lint.Host{Kernel: release()}
	parts := []struct {
		facts lint.Facts // zero: sysctls
		read  func() error
	}{
		// First, since it loads modules, whose sysctls are not there before.
		{lint.Lacks, func() error { return missing(ctx, &h, ask.Want) }},
		{lint.Interfaces, func() error { return interfaces(&h) }},
		{lint.Routes, func() error { return routes(&h) }},
		{lint.Neighbours, func() error { return neighbours(&h) }},
		{0, func() error { return sysctls(&h, ask.sysctls()) }},
		{lint.Listeners, func() error { return listeners(&h) }},
		{lint.Chains, func() error { return chains(ctx, &h, ask.Table) }},
		{lint.Siblings, func() error { return siblings(ctx, &h, ask.Want) }},
		{lint.Laddrs, func() error { return withdrawn(ctx, &h, ask.Table, ask.Want) }},
		{lint.Units, func() error { return units(&h, ask.Root) }},
		{lint.Files, func() error { return files(&h, ask.Root, ask.Files) }},
		{lint.Names, func() error { return names(ctx, &h, ask.Names) }},
	}
	var unread []Unread
	asked := 0
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return h, unread, err
		}
		rules := ask.need(p.facts)
		if rules == "" {
			continue
		}
		asked++
		if err := p.read(); err != nil {
			unread = append(unread, Unread{rules, err})
		}
	}
	if asked > 0 && len(unread) == asked {
		return h, unread, ErrNothing
	}
	return h, unread, nil
}

// need lists the codes of the rules that need some facts, or sysctls.
func (a Ask) need(facts lint.Facts) string {
	var codes []string
	for _, r := range a.Rules {
		if r.Needs.Facts&facts != 0 || facts == 0 && len(r.Needs.Sysctls) > 0 {
			codes = append(codes, r.Code)
		}
	}
	return strings.Join(codes, ", ")
}

// sysctls lists the keys that the rules need, each once.
func (a Ask) sysctls() (keys []string) {
	for _, r := range a.Rules {
		keys = append(keys, r.Needs.Sysctls...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// release returns the kernel's, as `uname -r` prints it.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
