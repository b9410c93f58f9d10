package main

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/internal/nstest"
)

// call is a new connection with what the policy says of it.
type call struct {
	from    *nstest.Host
	network string // tcp or udp
	src     string // empty: the client's own address
	dst     string
	hosts   string // who may answer, parted by spaces; "nobody" where it is to be refused
	saw     string // address or prefix as which the answerer may see the caller; parted by spaces
	why     string
}

// result is a call as it went, ready for the table.
type result struct {
	client, called, host, saw, want, why string
	ok                                   bool
}

func (c call) make() result {
	r := result{client: c.from.Name, called: c.network + " " + c.dst, want: c.hosts + " seeing " + c.saw, why: c.why}
	if src := c.source(); src != "" {
		r.client += " " + src
	}
	a, err := c.from.Ask(c.network, c.src, c.dst)
	switch {
	case errors.Is(err, nstest.ErrRefused):
		r.host, r.saw = "nobody", "(refused)"
		r.ok = c.hosts == "nobody"
	case err != nil:
		r.host, r.saw = "nobody", "("+err.Error()+")"
	default:
		r.host, r.saw = a.Host, a.Peer.Addr().String()
		r.ok = slices.Contains(strings.Fields(c.hosts), a.Host) && among(a.Peer.Addr(), c.saw)
	}
	return r
}

// source returns the address that the call is made from, empty where the host chooses one of many.
func (c call) source() string {
	if c.src != "" {
		return c.src
	}
	v6 := netip.MustParseAddrPort(c.dst).Addr().Is6()
	return map[string][2]string{
		"office": {"10.1.5.9", "fd01::9"}, "guests": {"10.2.5.9", "fd02::9"}, "lab": {"10.66.5.9", "fd66::9"}, "gateway": {"", ""},
	}[c.from.Name][map[bool]int{false: 0, true: 1}[v6]]
}

// among tells whether a lies in a list of addresses and prefixes.
func among(a netip.Addr, list string) bool {
	for _, s := range strings.Fields(list) {
		if p, err := netip.ParsePrefix(s); err == nil && p.Contains(a) || s == a.String() {
			return true
		}
	}
	return false
}
