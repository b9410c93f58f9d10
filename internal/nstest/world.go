package nstest

import (
	"fmt"
	"testing"
)

// World is a set of connected hosts. Close it when done.
type World struct {
	Office, Guests, Lab *Host // clients, one in each source network
	Gateway             *Host
	RS                  []*Host // real servers, on one inside network
	Outside             *Host

	lan     *Host   // the switch of the inside network
	routers []*Host // behind the uplinks, if there are any
}

// Options change how a world is built. The zero value is the world of the package comment.
type Options struct {
	RealServers int       // 3 unless given, at most 99
	Uplinks     [2]string // the gateway's interface names; wan0 and wan1 unless given
}

// New builds a world for a test and removes it when the test ends. Where namespaces cannot
// be created the test is skipped, or fails if SNATCTL_REQUIRE_NETNS is 1.
func New(t testing.TB, o Options) *World {
	t.Helper()
	Require(t)
	w, err := Create(o)
	if err != nil {
		t.Fatalf("create the network namespaces: %v", err)
	}
	t.Cleanup(w.Close)
	return w
}

// NewHost makes a single namespace, connected to nothing, for a test.
func NewHost(t testing.TB, name string) *Host {
	t.Helper()
	Require(t)
	h, err := newHost(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

// Create builds a world.
func Create(o Options) (*World, error) {
	if o.RealServers == 0 {
		o.RealServers = 3
	}
	if o.Uplinks == [2]string{} {
		o.Uplinks = [2]string{"wan0", "wan1"}
	}
	w := &World{}
	if err := w.build(o); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *World) build(o Options) error {
	for _, h := range []struct {
		at   **Host
		name string
	}{{&w.Gateway, "gateway"}, {&w.Outside, "outside"}, {&w.Office, "office"}, {&w.Guests, "guests"}, {&w.Lab, "lab"}, {&w.lan, "lan"}} {
		host, err := newHost(h.name)
		if err != nil {
			return err
		}
		*h.at = host
	}
	p := &plan{}
	w.clients(p)
	w.inside(p, o.RealServers)
	w.outside(p, o.Uplinks)
	return p.err
}

func (w *World) clients(p *plan) {
	for i, c := range []struct {
		host    *Host
		v4, v6  string // first two bytes of the network, first word
		v4b, lo string // upper halves of the networks, which the client owns
	}{
		{w.Office, "10.1", "fd01", "10.1.128.0/17", "fd01::8000:0:0:0/65"},
		{w.Guests, "10.2", "fd02", "10.2.128.0/17", "fd02::8000:0:0:0/65"},
		{w.Lab, "10.66", "fd66", "10.66.128.0/17", "fd66::8000:0:0:0/65"},
	} {
		lan := fmt.Sprintf("lan%d", i)
		p.link(w.Gateway, lan, c.host, "eth0")
		p.addr(w.Gateway, lan, c.v4+".0.1/16", c.v6+"::1/64")
		p.addr(c.host, "eth0", c.v4+".5.9/16", c.v6+"::9/64")
		p.local(c.host, c.v4b, c.lo)
		p.route(c.host, "eth0", "0.0.0.0/0", c.v4+".0.1")
		p.route(c.host, "eth0", "::/0", c.v6+"::1")
		p.route(w.Gateway, lan, c.v4b, c.v4+".5.9")
		p.route(w.Gateway, lan, c.lo, c.v6+"::9")
	}
}

func (w *World) inside(p *plan, servers int) {
	p.bridge(w.lan, "br0")
	p.link(w.lan, "gw", w.Gateway, "dc0")
	p.enslave(w.lan, "br0", "gw")
	p.addr(w.Gateway, "dc0", "192.168.1.254/24", "fd05::fe/64")
	for i := 1; i <= servers && p.err == nil; i++ {
		rs, err := newHost(fmt.Sprintf("rs%d", i))
		if err != nil {
			p.err = err
			return
		}
		w.RS = append(w.RS, rs)
		p.link(w.lan, rs.Name, rs, "eth0")
		p.enslave(w.lan, "br0", rs.Name)
		p.addr(rs, "eth0", fmt.Sprintf("192.168.1.%d/24", i), fmt.Sprintf("fd05::%d/64", i))
		p.route(rs, "eth0", "0.0.0.0/0", "192.168.1.254")
		p.route(rs, "eth0", "::/0", "fd05::fe")
	}
}

func (w *World) outside(p *plan, uplinks [2]string) {
	for i, u := range []struct{ gw4, gw6, out4, out6, local4, local6 string }{
		{"192.0.2.2", "2001:db8:2::2", "192.0.2.1", "2001:db8:2::1", "8.8.8.0/24", "2001:db8:8::/64"},
		{"198.18.1.2", "2001:db8:3::2", "198.18.1.1", "2001:db8:3::1", "9.9.9.0/24", "2001:db8:9::/64"},
	} {
		out := fmt.Sprintf("wan%d", i)
		p.link(w.Gateway, uplinks[i], w.Outside, out)
		p.addr(w.Gateway, uplinks[i], u.gw4+"/24", u.gw6+"/64")
		p.addr(w.Outside, out, u.out4+"/24", u.out6+"/64")
		p.local(w.Outside, u.local4, u.local6)
		p.route(w.Gateway, uplinks[i], u.local4, u.out4)
		p.route(w.Gateway, uplinks[i], u.local6, u.out6)
		if i == 0 {
			p.route(w.Gateway, uplinks[i], "0.0.0.0/0", u.out4)
			p.route(w.Gateway, uplinks[i], "::/0", u.out6)
			p.route(w.Outside, out, "0.0.0.0/0", u.gw4)
			p.route(w.Outside, out, "::/0", u.gw6)
		}
	}
	// A network that Outside forwards to and where nobody lives: a packet that arrives
	// with its last hop used up draws "time exceeded" from a router other than the gateway.
	p.route(w.Outside, "wan1", "8.1.0.0/16", "")
	p.route(w.Outside, "wan1", "2001:db8:81::/64", "")
	// ICMPv6 errors come from addresses in the plain sense only.
	p.addr(w.Outside, "lo", "2001:db8:8::8/128", "2001:db8:9::9/128")
	p.forwards(w.Outside)
	p.forwards(w.Gateway)
}

// Hosts returns all hosts of the world, gateway first.
func (w *World) Hosts() []*Host {
	var hosts []*Host
	for _, h := range append([]*Host{w.Gateway, w.Outside, w.Office, w.Guests, w.Lab}, w.RS...) {
		if h != nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Close stops the servers of all hosts and removes the namespaces.
func (w *World) Close() {
	for _, h := range w.Hosts() {
		h.close()
	}
	for _, r := range w.routers {
		r.close()
	}
	if w.lan != nil {
		w.lan.close()
	}
}
