package nstest

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// Fleet is gateways that share the work behind a router, which hears from them by BGP what they take.
//
//	Outside 203.0.113.2  ── Router ──┬─core─ Gateways[0] ─┬─lan─ Inside 10.1.0.2
//	2001:db8:c::2        172.16.0.254├─core─ Gateways[1] ─┤      fd01::2
//	                     fd16::fe    └─core─ Gateways[2] ─┴─rs── RS[0] RS[1] RS[2] 192.168.1.1-3 fd05::1-3
//	                                 172.16.0.1-3 fd16::1-3
//
// Gateway i has the addresses .i on core, 10.1.0.10i and fd01::10i on lan, 192.168.1.10i and fd05::10i on rs. Outside
// owns 203.0.113.128/25 and 2001:db8:c:0:8000::/65, Inside 10.1.128.0/17 and fd01::8000:0:0:0/65, for clients of
// many addresses. Inside spreads its connections over all gateways, and notices none that dies. Real servers answer to
// 192.168.2.0/28 and fd06:0:0:1::/64 by the first gateway, to 192.168.2.16/28 and fd06:0:0:2::/64 by the second, and so
// on: laddrs of services. What the router sends to a gateway is what that announces.
//
// A gateway's files are in Dir/gwN, its BIRD's socket is bird.ctl there, and BIRD includes snatctl.conf from there.
type Fleet struct {
	Outside, Router, Inside *Host
	Gateways                []*Host
	RS                      []*Host
	Dir                     string

	watch     time.Duration
	birds     []*Daemon // of the gateways
	routes    *Daemon   // the router's BIRD
	sw        *Host     // the switch of core, lan and rs
	resilient *resilient
	ownDir    bool
}

// FleetOptions change how a fleet is built.
type FleetOptions struct {
	Resilient bool   // the router's next hop groups are resilient: a way that goes takes nobody's connections but its own
	Dir       string // for all files; empty: one that goes with the fleet

	// Watch is how often BFD says that it lives; three that are missing are a death. 0: 400 ms, which a busy machine
	// bears, too. Networks have 100 ms and less.
	Watch time.Duration
}

// nodes is how many gateways a fleet has.
const nodes = 3

// NewFleet builds a fleet for a test, with BIRD running everywhere, and removes it when the test ends. The test is
// skipped without network namespaces, and where the kernel has no resilient groups that were asked for.
func NewFleet(t testing.TB, o FleetOptions) *Fleet {
	t.Helper()
	Require(t)
	Needs(t, "bird", "birdc")
	f, err := CreateFleet(o)
	if err == nil {
		t.Cleanup(f.Close)
		err = f.Speak(t.Context())
	}
	if errors.Is(err, ErrNoResilient) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// CreateFleet builds a fleet whose gateways are silent. Close it when done.
func CreateFleet(o FleetOptions) (*Fleet, error) {
	f := &Fleet{Dir: o.Dir, watch: cmp.Or(o.Watch, 400*time.Millisecond)}
	err := f.build(o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Fleet) build(o FleetOptions) (err error) {
	if f.Dir == "" {
		f.ownDir = true
		if f.Dir, err = os.MkdirTemp("", "fleet-"); err != nil { // short: sockets are in it (unix(7))
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(f.Dir, "node"), 0o755); err != nil {
		return err
	}
	f.Gateways, f.RS = make([]*Host, nodes), make([]*Host, nodes)
	hosts := map[string]**Host{"outside": &f.Outside, "router": &f.Router, "inside": &f.Inside, "switch": &f.sw}
	for i := range nodes {
		hosts[f.Node(i)], hosts[fmt.Sprintf("rs%d", i+1)] = &f.Gateways[i], &f.RS[i]
		if err := os.MkdirAll(filepath.Join(f.Dir, f.Node(i)), 0o755); err != nil {
			return err
		}
	}
	for name, at := range hosts {
		if *at, err = newHost(name); err != nil {
			return err
		}
	}
	p := &plan{}
	f.outer(p)
	f.inner(p)
	if p.err == nil && o.Resilient {
		f.resilient, p.err = newResilient(f.Router)
	}
	return p.err
}

func (f *Fleet) outer(p *plan) {
	for _, b := range []string{"core", "lan", "rs"} {
		p.bridge(f.sw, b)
	}
	p.link(f.Router, "out", f.Outside, "eth0")
	p.addr(f.Router, "out", "203.0.113.1/24", "2001:db8:c::1/64")
	p.addr(f.Outside, "eth0", "203.0.113.2/24", "2001:db8:c::2/64")
	p.local(f.Outside, "203.0.113.128/25", "2001:db8:c:0:8000::/65")
	p.route(f.Outside, "eth0", "0.0.0.0/0", "203.0.113.1")
	p.route(f.Outside, "eth0", "::/0", "2001:db8:c::1")
	p.route(f.Router, "out", "2001:db8:c:0:8000::/65", "2001:db8:c::2")
	p.port(f.sw, f.Router, "core", "core", "172.16.0.254/24", "fd16::fe/64")
	p.forwards(f.Router)
	p.port(f.sw, f.Inside, "eth0", "lan", "10.1.0.2/16", "fd01::2/64")
	p.local(f.Inside, "10.1.128.0/17", "fd01::8000:0:0:0/65")
	spreads(p, f.Inside)
	spreads(p, f.Router)
}

func (f *Fleet) inner(p *plan) {
	for i, gw := range f.Gateways {
		n := i + 1
		p.port(f.sw, gw, "core", "core", fmt.Sprintf("172.16.0.%d/24", n), fmt.Sprintf("fd16::%d/64", n))
		p.port(f.sw, gw, "lan", "lan", fmt.Sprintf("10.1.0.10%d/16", n), fmt.Sprintf("fd01::10%d/64", n))
		p.port(f.sw, gw, "rs", "rs", fmt.Sprintf("192.168.1.10%d/24", n), fmt.Sprintf("fd05::10%d/64", n))
		p.route(gw, "lan", "fd01::8000:0:0:0/65", "fd01::2")
		p.route(gw, "core", "0.0.0.0/0", "172.16.0.254")
		p.route(gw, "core", "::/0", "fd16::fe")
		p.forwards(gw)
	}
	for i, rs := range f.RS {
		p.port(f.sw, rs, "eth0", "rs", fmt.Sprintf("192.168.1.%d/24", i+1), fmt.Sprintf("fd05::%d/64", i+1))
		for k := range nodes {
			p.route(rs, "eth0", fmt.Sprintf("192.168.2.%d/28", 16*k), fmt.Sprintf("192.168.1.10%d", k+1))
			p.route(rs, "eth0", fmt.Sprintf("fd06:0:0:%d::/64", k+1), fmt.Sprintf("fd05::10%d", k+1))
		}
	}
	for _, to := range []struct{ dst, via string }{{"0.0.0.0/0", "10.1.0.10%d"}, {"::/0", "fd01::10%d"}} {
		p.do("inside's default route", func() error {
			var hops []*netlink.NexthopInfo
			l, err := f.Inside.nl.LinkByName("eth0")
			for k := range nodes {
				if err == nil {
					hops = append(hops, &netlink.NexthopInfo{LinkIndex: l.Attrs().Index, Gw: net.ParseIP(fmt.Sprintf(to.via, k+1))})
				}
			}
			return errors.Join(err, f.Inside.nl.RouteAdd(&netlink.Route{Dst: ipNet(to.dst), MultiPath: hops}))
		})
	}
}

// spreads has a host choose among equal ways by addresses and ports (ip-sysctl.rst).
func spreads(p *plan, h *Host) {
	p.sysctl(h, "net/ipv4/fib_multipath_hash_policy", "1")
	p.sysctl(h, "net/ipv6/fib_multipath_hash_policy", "1")
}

// Node is the name of a gateway: gw1, gw2, gw3.
func (f *Fleet) Node(i int) string { return fmt.Sprintf("gw%d", i+1) }

// Files is the directory of a gateway's files.
func (f *Fleet) Files(i int) string { return filepath.Join(f.Dir, f.Node(i)) }

// Shared is a directory that is Files(i) for what runs Within(i): one policy fits all gateways.
func (f *Fleet) Shared() string { return filepath.Join(f.Dir, "node") }

// Within returns words to put before those of a command that is to run as on gateway i, where Shared is Files(i).
// The host is for the caller to choose.
func (f *Fleet) Within(i int) []string {
	return []string{"unshare", "-m", "--propagation", "private", "sh", "-ec", `mount --bind "$0" "$1"; shift; exec "$@"`, f.Files(i), f.Shared()}
}

// Die takes all cables out of a gateway, at the switch: nobody is told.
func (f *Fleet) Die(i int) error { return f.cables(i, (*netlink.Handle).LinkSetDown) }

// Return puts the cables of a gateway in again.
func (f *Fleet) Return(i int) error { return f.cables(i, (*netlink.Handle).LinkSetUp) }

func (f *Fleet) cables(i int, set func(*netlink.Handle, netlink.Link) error) error {
	for _, b := range []string{"core", "lan", "rs"} {
		if err := f.sw.setLink(f.Node(i)+"-"+b, set); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all that runs in the fleet, and removes it.
func (f *Fleet) Close() {
	if f.resilient != nil {
		f.resilient.close()
	}
	for _, h := range slices.Concat([]*Host{f.Outside, f.Router, f.Inside, f.sw}, f.Gateways, f.RS) {
		if h != nil {
			h.close()
		}
	}
	if f.ownDir {
		_ = os.RemoveAll(f.Dir)
	}
}
