package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// outsider is the i-th client beyond the router.
func outsider(i int) string { return fmt.Sprintf("203.0.113.%d", 128+i%100) }

// through is the number of the gateway whose laddr a real server sees.
func through(t testing.TB, peer netip.AddrPort) int {
	t.Helper()
	a := peer.Addr().As4()
	if a[2] != 2 || a[3] >= 48 {
		t.Fatalf("a real server sees %s, which is no laddr", peer)
	}
	return int(a[3] / 16)
}

// byGateway sorts connections by the gateway that they go through.
func byGateway(t testing.TB, all []*nstest.Held) (out [3][]*nstest.Held) {
	t.Helper()
	for _, c := range all {
		n := through(t, c.Peer)
		out[n] = append(out[n], c)
	}
	return out
}

// One of three gateways dies. The router is told by nobody, notices, and sends its connections to the others, which do not
// know them: these are lost. With resilient next hops nobody else is; with plain ones the ways of others change, too.
func TestActiveDeath(t *testing.T) {
	for _, c := range []struct {
		name string
		o    nstest.FleetOptions
	}{
		{"resilient", nstest.FleetOptions{Resilient: true}},
		{"plain", nstest.FleetOptions{Watch: 100 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := startActive(t, c.o)
			for i := range a.Gateways {
				a.apply(t, i)
			}
			a.via(t, activeVIP, 0, 1, 2)
			all, err := a.Outside.HoldEach(soak.Count(150, 600), outsider, "203.0.114.65:80")
			must(t, err)
			held := byGateway(t, all)
			if lost := nstest.Lost(all, 10*time.Second); len(lost) > 0 {
				t.Fatalf("%d of %d are lost already", len(lost), len(all))
			}
			died := time.Now()
			must(t, a.Die(2))
			for {
				got, err := a.Via(activeVIP)
				must(t, err)
				if !slices.Contains(got, 2) {
					break
				}
				if time.Since(died) > 20*time.Second {
					t.Fatal("the router does not notice")
				}
				time.Sleep(time.Millisecond)
			}
			noticed := time.Since(died)
			a.via(t, activeVIP, 0, 1)
			lost := nstest.Lost(all, 10*time.Second)
			var of [3]int
			for c := range lost {
				of[through(t, c.Peer)]++
			}
			t.Logf("%s next hops: the router sends gw3 nothing %v after its death; lost of gw1 %d of %d, of gw2 %d of %d, of gw3 %d of %d", c.name, noticed.Round(time.Millisecond),
				of[0], len(held[0]), of[1], len(held[1]), of[2], len(held[2]))
			if of[2] != len(held[2]) {
				t.Errorf("connections of a gateway that is dead live: lost %d of %d", of[2], len(held[2]))
			}
			if others := of[0] + of[1]; c.o.Resilient != (others == 0) {
				t.Errorf("%d connections of the other gateways are lost", others)
			}
			if _, err := a.Outside.HoldEach(20, outsider, "203.0.114.65:80"); err != nil { // new ones go to the others
				t.Error(err)
			}
		})
	}
}

// With mh a client has one real server, whichever gateway its connections go through.
func TestActiveMaglev(t *testing.T) {
	a := startActive(t, nstest.FleetOptions{})
	servers := make(map[string]string)
	for i := range a.Gateways {
		a.apply(t, i)
		// A route that is better than BIRD's sends all to this gateway.
		output(t, a.Router, "ip", "route", "replace", activeVIP, "via", fmt.Sprintf("172.16.0.%d", i+1), "metric", "1")
		all, err := a.Outside.HoldEach(100, outsider, "203.0.114.65:80")
		must(t, err)
		for _, c := range all {
			if through(t, c.Peer) != i {
				t.Fatalf("%s goes through %s", c.From, a.Node(through(t, c.Peer)))
			}
			if was := servers[c.From]; was != "" && was != c.Host {
				t.Errorf("%s has %s, and through %s it has %s", c.From, was, a.Node(i), c.Host)
			}
			servers[c.From] = c.Host
		}
	}
	used := make(map[string]int)
	for _, s := range servers {
		used[s]++
	}
	t.Logf("100 clients of three gateways: %v", used)
	if len(servers) != 100 || len(used) != 3 {
		t.Errorf("%d clients have %v", len(servers), used)
	}
}

// A gateway that reaches no real server of a VIP withdraws it, and keeps its other VIP and its laddrs; the router sends
// clients to the others. It comes back when the servers do. An agent repairs its file, and takes VIPs of a drained node back.
func TestActiveQuorum(t *testing.T) {
	a := startActive(t, nstest.FleetOptions{})
	a.apply(t, 0)
	run := newAgent(t, a.Gateways[1], a.policy, "--node", "gw2")
	run.within = a.Within(1)
	run.start(t)
	a.via(t, activeVIP, 0, 1)
	output(t, a.Gateways[1], "ip", "link", "set", "rs", "down")
	a.via(t, activeVIP, 0)
	a.via(t, activeVIP6, 0)
	a.via(t, otherVIP, 0, 1) // is not checked
	a.via(t, "198.51.100.32/28", 1)
	if got := a.bird(t, 1); !strings.Contains(got, "# withdrawn: "+activeVIP+": no service of it has its quorum # web") {
		t.Errorf("the file is\n%s", got)
	}
	_, err := a.Outside.HoldEach(20, outsider, "203.0.114.65:80")
	must(t, err)
	a.edited(t, 1, "\troute "+otherVIP+" blackhole; # other\n", "")
	until(t, "the file to be repaired", func() bool { return strings.Contains(a.bird(t, 1), otherVIP) })
	output(t, a.Gateways[1], "ip", "link", "set", "rs", "up")
	for _, addr := range []string{"fd05::102/64", "fe80::ff02/64"} { // they went with the link
		output(t, a.Gateways[1], "ip", "addr", "replace", addr, "dev", "rs", "nodad")
	}
	a.via(t, activeVIP, 0, 1)
	a.via(t, activeVIP6, 0, 1)
	for _, event := range []string{"route_withdrawn", "route_announced"} {
		if len(run.logged(event)) == 0 {
			t.Errorf("the log has no %s", event)
		}
	}
	run.write(t, strings.Replace(a.policy, "gw2: {router_id: 172.16.0.2}", "gw2: {router_id: 172.16.0.2, state: drain}", 1))
	a.via(t, activeVIP, 0)
	a.via(t, otherVIP, 0)
	a.via(t, "198.51.100.32/28", 1)
	run.write(t, a.policy)
	a.via(t, activeVIP, 0, 1)
}

// A gateway drains, as the policy says: the others learn it first, then it withdraws its VIPs by itself. Nobody is lost, new
// connections go to the others, and all is back afterwards.
func TestActiveDrain(t *testing.T) {
	a := startActive(t, nstest.FleetOptions{Resilient: true})
	for i := range a.Gateways {
		a.apply(t, i)
	}
	a.via(t, activeVIP, 0, 1, 2)
	all, err := a.Outside.HoldEach(100, outsider, "203.0.114.65:80")
	must(t, err)
	a.write(t, strings.Replace(activePolicy, "gw3: {router_id: 172.16.0.3}", "gw3: {router_id: 172.16.0.3, state: drain}", 1))
	for i := range a.Gateways {
		a.apply(t, i)
	}
	a.via(t, activeVIP, 0, 1)
	a.via(t, "198.51.100.48/28", 2)
	held := byGateway(t, all)
	lost := nstest.Lost(all, 10*time.Second)
	t.Logf("gw3 drains: of %d connections, %d of its own, %d are lost", len(all), len(held[2]), len(lost))
	if len(lost) > 0 || len(held[2]) == 0 {
		t.Error("connections are lost")
	}
	more, err := a.Outside.HoldEach(30, outsider, "203.0.114.65:80")
	must(t, err)
	if n := len(byGateway(t, more)[2]); n > 0 {
		t.Errorf("%d new connections go through a gateway that drains", n)
	}
	a.write(t, activePolicy)
	a.apply(t, 2)
	a.via(t, activeVIP, 0, 1, 2)
}
