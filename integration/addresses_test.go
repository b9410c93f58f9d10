package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// ownAddresses is a policy with VIPs and laddrs that Outside routes to the gateway, and others in
// the network of the first uplink.
func ownAddresses(addresses string) string {
	return `
version: 1
gateway: {uplinks: [wan0, wan1], addresses: ` + addresses + `}
laddrs:
  routed: [198.51.100.0/30, "2001:db8:99::/126"]
  near: [192.0.2.77, "2001:db8:2::77"]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: routed}
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: near}
  - {name: mapped, from: 10.66.128.0/24, map: 198.18.8.0/24}
services:
  - {name: routed, vip: [203.0.113.1, "2001:db8:7::1"], ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: near, vip: [192.0.2.78, "2001:db8:2::78"], ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.2, "fd05::2"]}
`
}

// network lists all routes, rules, addresses and neighbour proxies of a host, sorted.
func network(t testing.TB, h *nstest.Host) string {
	t.Helper()
	return output(t, h, "sh", "-ec", "(ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; grep -H . /proc/sys/net/ipv4/conf/wan*/rp_filter || true; ip addr show; ip -6 neigh show proxy) | grep -v _lft | sort")
}

// settledNetwork waits until the kernel has entered what follows from a new world's addresses.
func settledNetwork(t *testing.T, h *nstest.Host) (now string) {
	t.Helper()
	still := 0
	eventually(t, "the network to be still", func() bool {
		last := now
		if now = network(t, h); now != last || strings.Contains(now, "tentative") {
			still = 0
		}
		still++
		return still > 5
	})
	return now
}

// sentOut counts the packets that a gateway sends by wan0 while f runs.
func sentOut(t testing.TB, h *nstest.Host, f func()) int {
	t.Helper()
	count := func() int {
		var links []struct {
			Stats64 struct{ Tx struct{ Packets int } }
		}
		must(t, json.Unmarshal([]byte(output(t, h, "ip", "-s", "-j", "link", "show", "wan0")), &links))
		return links[0].Stats64.Tx.Packets
	}
	before := count()
	f()
	time.Sleep(50 * time.Millisecond) // what loops goes on without f
	return count() - before
}

// loops are packets to ports that nothing uses, at routed addresses: they come from a host that
// is neither the gateway nor its router.
var loops = []string{"203.0.113.1", "2001:db8:7::1", "198.51.100.2", "2001:db8:99::2"}

// wantLoops sends datagrams and pings, and tells whether they go back and forth.
func (s *site) wantLoops(t *testing.T, loop bool) {
	t.Helper()
	for _, a := range loops {
		for what, send := range map[string]func(){
			"a datagram": func() { askWithin(nstest.Silence, s.Lab, "udp "+hostPort(a, 9)) },
			"a ping":     func() { _ = s.Lab.Ping(context.Background(), "", a) },
		} {
			n := sentOut(t, s.Gateway, send)
			if loop && n < 20 || !loop && n > 9 { // neighbour discovery may add some, and asks again on a busy machine
				t.Errorf("after %s to %s the gateway sent %d packets by wan0; they should go back and forth: %v", what, a, n, loop)
			}
		}
	}
}

func hostPort(a string, port int) string {
	if strings.Contains(a, ":") {
		return fmt.Sprintf("[%s]:%d", a, port)
	}
	return fmt.Sprintf("%s:%d", a, port)
}

// Packets to ports that nothing uses end at the gateway, neighbours on the link get answers, and
// services and zones work as before, wherever the addresses lie.
func TestAddresses(t *testing.T) {
	for name, addresses := range map[string]string{"routes": "routes", "assign": "{assign: wan0}"} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, "")
			before := settledNetwork(t, s.Gateway)
			s.start(t, ownAddresses("none"))
			if now := network(t, s.Gateway); now != before {
				t.Errorf("addresses: none changes something: %s", cmp.Diff(before, now))
			}
			s.wantLoops(t, true)
			for _, to := range []string{"8.8.8.8:53", "[2001:db8:8::8]:53"} {
				if _, _, err := askWithin(nstest.Silence, s.Guests, "udp "+to); !errors.Is(err, nstest.ErrSilent) {
					t.Errorf("from a laddr that nobody has, %s answers: %v", to, err)
				}
			}

			p := ownAddresses(addresses)
			r := wantDiff(t, s.Gateway, p, 1)
			if !strings.Contains(r.Stdout, "+ address 203.0.113.1") || strings.Contains(r.Stdout, "table inet") {
				t.Errorf("diff prints\n%s", r.Stdout)
			}
			apply(t, s.Gateway, p)
			wantDiff(t, s.Gateway, p, 0)
			s.wantLoops(t, false)
			for _, a := range append(loops, "192.0.2.77", "2001:db8:2::77", "192.0.2.78", "2001:db8:2::78") {
				must(t, s.Outside.Ping(context.Background(), "", a))
				if _, _, err := ask(s.Outside, "udp "+hostPort(a, 9)); !errors.Is(err, nstest.ErrRefused) {
					t.Errorf("a datagram to an unused port of %s: %v", a, err)
				}
			}
			s.check(t,
				packet{s.Office, "udp 8.8.8.8:53", "outside sees 198.51.100.0 | outside sees 198.51.100.1 | outside sees 198.51.100.2 | outside sees 198.51.100.3"},
				packet{s.Guests, "udp 8.8.8.8:53", "outside sees 192.0.2.77"},
				packet{s.Guests, "tcp 8.8.8.8:80", "outside sees 192.0.2.77"},
				packet{s.Guests, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:2::77"},
				packet{s.Guests, "tcp [2001:db8:8::8]:80", "outside sees 2001:db8:2::77"},
				packet{s.Lab, "udp 10.66.128.7 > 8.8.8.8:53", "outside sees 198.18.8.7"},
				packet{s.Outside, "tcp 203.0.113.1:80", "rs1 sees 192.0.2.1"},
				packet{s.Outside, "tcp 192.0.2.78:80", "rs2 sees 192.0.2.1"},
				packet{s.Outside, "udp [2001:db8:2::78]:80", "rs2 sees 2001:db8:2::1"},
				packet{s.Lab, "tcp 203.0.113.1:80", "rs1 sees 10.66.5.9"},
				packet{s.Lab, "udp [2001:db8:2::78]:80", "rs2 sees fd66::9"},
				packet{s.Gateway, "tcp 203.0.113.1:80", "rs1 sees 192.168.1.254 | rs1 sees 203.0.113.1 | rs1 sees 192.0.2.2"},
				packet{s.Gateway, "udp 8.8.8.8:53", "outside sees 192.0.2.2"},
				packet{s.Gateway, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:2::2"},
			)
			if out := prints(t, s.Gateway, "flush"); !strings.Contains(out, "routes and addresses that gateway.addresses made") {
				t.Errorf("flush prints %s", out)
			}
			if now := network(t, s.Gateway); now != before {
				t.Errorf("flush leaves something: %s", cmp.Diff(before, now))
			}
		})
	}
}

// What others made stays; what apply made goes when it is not needed, comes back when somebody
// removed it, and moves with the policy.
func TestAddressesDrift(t *testing.T) {
	s := startSite(t, "")
	h := s.Gateway
	output(t, h, "sh", "-ec", `ip route add local 203.0.113.99 dev lo; ip route add blackhole 198.51.100.0/24 proto static
		ip -6 neigh add proxy 2001:db8:2::99 dev wan0; ip -6 neigh add proxy 2001:db8:2::78 dev wan0; ip addr add 203.0.113.98/32 dev wan0`)
	before := settledNetwork(t, h)
	p := ownAddresses("routes")
	apply(t, h, p)
	there := network(t, h)

	output(t, h, "sh", "-ec", "ip route del local 203.0.113.1 table local; ip -6 neigh del proxy 2001:db8:2::77 dev wan0")
	d := diffJSON(t, h, p, 1)
	if got := d.names("add", "address"); got != "2001:db8:2::77 203.0.113.1" {
		t.Errorf("diff adds the addresses %q: %+v", got, d)
	}
	apply(t, h, p)
	if now := network(t, h); now != there {
		t.Errorf("apply does not repair: %s", cmp.Diff(there, now))
	}
	for _, addresses := range []string{"{assign: wan0}", "{assign: wan1}", "routes", "none"} {
		wantDiff(t, h, ownAddresses(addresses), 1)
		apply(t, h, ownAddresses(addresses))
		wantDiff(t, h, ownAddresses(addresses), 0)
	}
	if now := network(t, h); now != before {
		t.Errorf("addresses: none leaves something: %s", cmp.Diff(before, now))
	}
	// An interface that has an address keeps it, and another policy its routes.
	apply(t, h, strings.Replace(p, "uplinks", "table: other, uplinks", 1))
	apply(t, h, p)
	prints(t, h, "flush", "--table", "other")
	if now := network(t, h); now != there {
		t.Errorf("the other policy took something with it: %s", cmp.Diff(there, now))
	}
	output(t, h, "ip", "addr", "add", "203.0.113.1/32", "dev", "lan0")
	if got := diffJSON(t, h, p, 1).names("remove", "address"); got != "203.0.113.1" {
		t.Errorf("an interface has got the VIP, and diff removes %q", got)
	}
}

// After a failure, and without confirmation, routes and addresses are as they were.
func TestAddressesTakenBack(t *testing.T) {
	h := startGateway(t, "")
	output(t, h, "sh", "-ec", "ip link add wan0 type veth peer name x; ip addr add 192.0.2.2/24 dev wan0; ip link set x up; ip link set wan0 up; ip route add default via 192.0.2.1")
	before := settledNetwork(t, h)

	release := ownTable(t, h)
	r := snatctl(t, h, ownAddresses("routes"), "apply")
	if r.Code != 1 || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("apply over somebody else's table exits %d: %s", r.Code, r.Stderr)
	}
	if now := network(t, h); now != before {
		t.Errorf("apply failed, and left: %s", cmp.Diff(before, now))
	}
	release()

	r = snatctl(t, h, strings.Replace(ownAddresses("routes"), "192.0.2.77", "192.0.2.1", 1), "apply")
	if r.Code != 1 || !strings.Contains(r.Stderr, "pool near contains 192.0.2.1, another host") || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("apply of the router's address exits %d: %s", r.Code, r.Stderr)
	}
	r = snatctl(t, h, ownAddresses("{assign: ppp7}"), "apply")
	if r.Code != 0 || !strings.Contains(r.Stderr, "warning: gateway.addresses: there is no interface ppp7") {
		t.Errorf("apply to an interface that is not there exits %d: %s", r.Code, r.Stderr)
	}
	if now := network(t, h); now != before {
		t.Errorf("nothing was to be done, and there is: %s", cmp.Diff(before, now))
	}

	for _, c := range []struct{ from, to string }{{"none", "routes"}, {"routes", "{assign: wan0}"}, {"{assign: wan0}", "none"}} {
		apply(t, h, ownAddresses(c.from))
		table, before := exact(t, h), network(t, h)
		p := begin(t, h, false, ownAddresses(c.to), "1s", "--state-dir", t.TempDir())
		if network(t, h) == before {
			t.Errorf("from %s to %s nothing changed", c.from, c.to)
		}
		p.ends(t, 5)
		if now := network(t, h); now != before {
			t.Errorf("from %s to %s, taken back: %s", c.from, c.to, cmp.Diff(before, now))
		}
		if now := exact(t, h); now != table {
			t.Errorf("from %s to %s the table changed: %s", c.from, c.to, cmp.Diff(table, now))
		}
	}
}

// An apply that is killed at any point is mended by the next, and boot and rollback bring back
// what was.
func TestAddressesKilled(t *testing.T) {
	h := startGateway(t, "")
	output(t, h, "sh", "-ec", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; ip link add wan0 type veth peer name x; ip addr add 192.0.2.2/24 dev wan0; ip -6 addr add 2001:db8:2::2/64 dev wan0; ip link set x up; ip link set wan0 up")
	before := settledNetwork(t, h)
	state := t.TempDir()
	var files, there [2]string
	for i, p := range []string{byUplinks(ownAddresses("routes")), strings.Replace(ownAddresses("{assign: wan0}"), "2001:db8:2::78", "2001:db8:2::79", 1)} {
		files[i] = policyFile(t, p)
		apply(t, h, p, "--state-dir", state)
		there[i] = network(t, h)
	}
	kills := soak.Count(40, 1000)
	for i := range kills {
		cmd := exec.Command(program(t), "apply", "-f", files[i%2], "--state-dir", state)
		must(t, h.Do(cmd.Start))
		time.Sleep(rand.N(60 * time.Millisecond))
		cmd.Process.Kill()
		_ = cmd.Wait()
		to := rand.N(2)
		prints(t, h, "apply", "-f", files[to], "--state-dir", state)
		if now := network(t, h); now != there[to] {
			t.Fatalf("killed, and applied again: %s", cmp.Diff(there[to], now))
		}
	}
	prints(t, h, "apply", "-f", files[0], "--state-dir", state)
	prints(t, h, "apply", "-f", files[1], "--state-dir", state)
	prints(t, h, "rollback", "--state-dir", state)
	if now := network(t, h); now != there[0] {
		t.Errorf("rollback: %s", cmp.Diff(there[0], now))
	}
	prints(t, h, "flush")
	if now := network(t, h); now != before {
		t.Errorf("flush: %s", cmp.Diff(before, now))
	}
	prints(t, h, "boot", "--state-dir", state)
	if now := network(t, h); now != there[0] {
		t.Errorf("boot: %s", cmp.Diff(there[0], now))
	}
}

// A laddr that goes takes its address with it, so diff foresees the flows that apply ends.
func TestAddressesForeseeFlows(t *testing.T) {
	s := startSite(t, "")
	s.start(t, ownAddresses("{assign: wan0}"))
	c, err := s.Guests.Dial("udp", "", "8.8.8.8:53")
	must(t, err)
	defer c.Close()
	if _, err := nstest.AskOn(c); err != nil {
		t.Fatal(err)
	}
	p := strings.Replace(ownAddresses("{assign: wan0}"), "laddrs: near", "laddrs: routed", 1)
	foreseen := diffJSON(t, s.Gateway, p, 1).FlowsEnded
	if r := snatctl(t, s.Gateway, p, "apply", "--format", "json"); r.Code != 0 || flowsEnded(t, r) != 1 || foreseen != 1 {
		t.Errorf("diff foresees %d flows, and apply exits %d and says %s", foreseen, r.Code, r.Stdout)
	}
}

// What apply made it knows again, whatever marks the kernel can keep: it needs no other program
// to be seen, so that the test runs on any kernel.
func TestAddressesModes(t *testing.T) {
	s := startSite(t, "")
	for _, addresses := range []string{"none", "routes", "{assign: wan0}", "{assign: wan1}", "routes", "none", "{assign: wan0}"} {
		p := ownAddresses(addresses)
		wantDiff(t, s.Gateway, p, 1)
		apply(t, s.Gateway, p)
		wantDiff(t, s.Gateway, p, 0)
		if addresses != "none" {
			s.check(t,
				packet{s.Guests, "udp 8.8.8.8:53", "outside sees 192.0.2.77"},
				packet{s.Outside, "tcp 203.0.113.1:80", "rs1 sees 192.0.2.1"},
			)
		}
		if addresses == "routes" {
			s.check(t, packet{s.Guests, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:2::77"})
		}
	}
	if out := prints(t, s.Gateway, "flush"); !strings.Contains(out, "routes and addresses that gateway.addresses made") {
		t.Errorf("flush prints %s", out)
	}
	if out := prints(t, s.Gateway, "flush"); strings.Contains(out, "routes and addresses") {
		t.Errorf("flush found something once more: %s", out)
	}
}

// A revert that cannot bring an address back, since its interface is gone meanwhile, does all the rest: the
// table is as before, flows that contradict it end, and the history says so.
func TestAddressesRevertIncomplete(t *testing.T) {
	s := startSite(t, "")
	policy := func(addresses, server string) string {
		return twoServices(cleans+", addresses: "+addresses, server)
	}
	output(t, s.Gateway, "sh", "-ec", "ip link add vips type veth peer name spiv; ip link set vips up")
	state := t.TempDir()
	apply(t, s.Gateway, policy("{assign: vips}", "192.168.1.1"), "--state-dir", state)
	p := begin(t, s.Gateway, false, policy("none", "192.168.1.2"), "2s", "--state-dir", state)
	dns := s.asked(t, "203.0.113.1:53", "rs2 sees 10.1.5.9")
	output(t, s.Gateway, "ip", "link", "del", "vips")
	p.ends(t, 4)
	if out := p.printed(); !strings.Contains(out, "taken back, table inet snatctl is as it was before; ended 1 flow that contradicted it; but ") {
		t.Errorf("apply prints\n%s", out)
	}
	dns("rs1 sees 10.1.5.9")
	if out := prints(t, s.Gateway, "history", "--state-dir", state); !strings.Contains(out, "reverted") {
		t.Errorf("the history is\n%s", out)
	}
}
