package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// live is the kernel as reports see it: what the table in force binds flows to, and a way to
// ask for the flows. It is not safe for concurrent use; its index is.
type live struct {
	table    string
	nft      *nftlink.Conn
	ct       *ctlink.Conn
	bindings ct.Bindings
	index    *ct.Index
	uses     map[inet.Family]bool // families that it is about
	there    bool                 // whether the table stands

	generation nftlink.Generation
	local      []netip.Addr // addresses of this host, sorted
	looked     time.Time    // when they were read
}

// openLive reads a table, and opens the way to its flows. The error says so if there is none.
func openLive(ctx context.Context, table string) (*live, error) {
	l := &live{table: table}
	var err error
	if l.nft, err = nftlink.Open(); err != nil {
		return nil, err
	}
	if l.ct, err = ctlink.Open(); err == nil {
		err = l.read(ctx)
	}
	if err == nil && !l.there {
		err = l.noTable()
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *live) close() {
	l.nft.Close()
	if l.ct != nil {
		l.ct.Close()
	}
}

// errNoTable says that the table asked for does not stand.
var errNoTable = errors.New("make it with `snatctl apply -f FILE`, or name another by --table or -f FILE")

func (l *live) noTable() error {
	return fmt.Errorf("there is no table inet %s: %w", l.table, errNoTable)
}

// read reads the table anew, and with it the counters of new connections. A table that does
// not stand binds nothing.
func (l *live) read(ctx context.Context) error {
	r, generation, err := l.nft.Read(ctx, l.table)
	if err != nil {
		return err
	}
	l.there, l.generation = r != nil, generation
	l.uses = make(map[inet.Family]bool)
	for _, f := range inet.Families {
		l.uses[f] = r != nil && usesFamily(r, f)
	}
	l.bindings = readback.Bindings(r)
	if err := l.readAddrs(); err != nil {
		return err
	}
	l.index = ct.NewIndex(l.bindings, l.local)
	return nil
}

// lookAgain is how often refresh looks for new addresses of this host.
const lookAgain = time.Second

// refresh reads the table anew if the ruleset has changed since, and the addresses of this
// host once a second. It tells whether there is a new index. Counters alone are no change.
func (l *live) refresh(ctx context.Context) (bool, error) {
	generation, err := l.nft.Generation(ctx)
	if err != nil {
		return false, err
	}
	if generation != l.generation {
		return true, l.read(ctx)
	}
	if time.Since(l.looked) < lookAgain {
		return false, nil
	}
	before := l.local
	if err := l.readAddrs(); err != nil || slices.Equal(before, l.local) {
		return false, err
	}
	l.index = ct.NewIndex(l.bindings, l.local)
	return true, nil
}

func (l *live) readAddrs() (err error) {
	l.looked = time.Now()
	l.local, err = localAddrs()
	return err
}

// localAddrs lists the addresses of this host: what zones that masquerade translate to.
func localAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this host: %w", err)
	}
	var out []netip.Addr
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, addr.Unmap())
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out, nil
}

// tableFlags adds --table and -f/--file, which name the table to look at.
func tableFlags(c *cobra.Command, table *string, files *[]string) {
	c.Flags().StringVar(table, "table", policy.DefaultGateway().Table, "name of the table")
	fileFlag(c, files)
	c.Flags().Lookup("file").Usage = "take the table's name from this policy; " + c.Flags().Lookup("file").Usage
}

// tableName returns the table that the flags name: that of a policy, if one is given.
func tableName(table string, files []string) (string, error) {
	if len(files) == 0 {
		return table, nil
	}
	p, err := readPolicy(files)
	if err != nil {
		return "", exit{exitRefused, err}
	}
	return p.Gateway.Table, nil
}
