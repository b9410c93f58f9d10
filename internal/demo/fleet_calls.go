package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// through tells which gateway an answer came through: the laddr that the answerer saw is that one's alone.
func through(a nstest.Answer) string {
	for i := range 3 {
		for _, pool := range []string{"198.51.100.%d/28", "192.168.2.%d/28"} {
			if netip.MustParsePrefix(fmt.Sprintf(pool, 16*i)).Contains(a.Peer.Addr()) {
				return fmt.Sprintf("gw%d", i+1)
			}
		}
	}
	return a.Peer.Addr().String()
}

// callTime is how long a call waits: less than TCP does before it tries again, so that each that lost a packet counts.
const (
	callTime = 900 * time.Millisecond
	called   = 2*callTime + pace // after which a call has ended
)

// client is the n-th address of the clients.
func client(n int) string { return fmt.Sprintf("203.0.113.%d", 130+n%100) }

// first has the nodes follow etcd, and publishes the first policy.
func (g *gateways) first(ctx context.Context) error {
	g.title(2, "One policy for all of them, from etcd")
	policy := strings.ReplaceAll(fleetPolicy, "DIR", g.lab.Shared())
	g.command("cat policy.yaml", policy)
	for i := range g.lab.Gateways {
		if err := g.agent(i); err != nil {
			return err
		}
		g.command(fmt.Sprintf("snatctl agent --node %s %s &        (on %[1]s; etcd has no policy yet)", g.lab.Node(i), shownToEtcd), "")
	}
	took, err := g.publish(ctx, 3, policy)
	if err != nil {
		return err
	}
	if _, err := g.tool(ctx, "nodes"); err != nil {
		return err
	}
	g.prove(true, "All three nodes run policy 1, %.1f s after it was published.", took.Seconds())
	if _, err := g.back(ctx); err != nil {
		return err
	}
	out, err := g.lab.Router.Output(ctx, "ip", "route", "show", "root", "198.51.100.0/24")
	if err != nil {
		return err
	}
	g.command("ip route show root 198.51.100.0/24        (on the router)", out)
	g.prove(true, "The router has the VIP from all three nodes, and the laddrs of each from that one.")
	return g.around(ctx)
}

// around calls the VIP from outside, and the outside from the office.
func (g *gateways) around(ctx context.Context) error {
	const calls, clients, each = 90, 10, 9
	by, servers := tally{}, map[string]tally{}
	for n := range calls {
		a, err := g.lab.Outside.Ask("tcp", client(n), web)
		if err != nil {
			by[""]++
			continue
		}
		gw := through(a)
		if by[gw]++; servers[gw] == nil {
			servers[gw] = tally{}
		}
		servers[gw][a.Host]++
	}
	g.say("\n   %d calls to %s, each from an address of its own:", calls, web)
	for _, gw := range slices.Sorted(maps.Keys(servers)) {
		g.say("     through %s %d: %s", gw, by[gw], servers[gw])
	}
	g.prove(by["gw1"] > 0 && by["gw2"] > 0 && by["gw3"] > 0 && by["gw1"]+by["gw2"]+by["gw3"] == calls,
		"%d of %d calls to the VIP were answered, through all three gateways; real servers saw laddrs of these.", calls-by[""], calls)
	faithful, ways := 0, 0
	for n := range clients {
		gws, hosts := tally{}, tally{}
		for range each {
			a, err := g.lab.Outside.Ask("tcp", client(n), web)
			if err != nil {
				return err
			}
			gws[through(a)]++
			hosts[a.Host]++
		}
		if len(hosts) == 1 {
			faithful++
		}
		ways += len(gws)
	}
	g.prove(faithful == clients, "%d of %d clients met one real server in %d calls each, though these came through %.1f gateways on average.", faithful, clients, each, float64(ways)/clients)
	by = tally{}
	for n := range calls {
		if a, err := g.lab.Inside.Ask("tcp", fmt.Sprintf("10.1.200.%d", n+1), "203.0.113.2:443"); err == nil {
			by[through(a)]++
		}
	}
	g.say("   %d calls of the office to the outside, seen as laddrs of: %s", calls, by.ways())
	g.prove(by["gw1"] > 0 && by["gw2"] > 0 && by["gw3"] > 0 && by["gw1"]+by["gw2"]+by["gw3"] == calls,
		"The outside saw %d of %d calls of the office as laddrs of the gateway that each came through.", by["gw1"]+by["gw2"]+by["gw3"], calls)
	return ctx.Err()
}

// ways says through which gateways connections go: "gw1 20, gw2 19".
func (t tally) ways() string {
	var parts []string
	for _, gw := range slices.Sorted(maps.Keys(t)) {
		if gw != "" {
			parts = append(parts, fmt.Sprintf("%s %d", gw, t[gw]))
		}
	}
	return strings.Join(parts, ", ")
}

// webLoad calls the VIP from one address after the other, and tells which gateway each call came through.
func (g *gateways) webLoad() *load {
	return startLoad(func(n int) string {
		a, err := askOnce(callTime, g.lab.Outside, client(n), web)
		if err != nil {
			return ""
		}
		return through(a)
	})
}

// crowd has clients open connections to the VIP, and says through which gateways these go.
func (g *gateways) crowd(ctx context.Context, n int) (c crowd, by tally, err error) {
	c, err = gather(ctx, n, func(i int) (*nstest.Chat, error) {
		return g.lab.Outside.OpenChat("tcp", client(i), web, saysEvery)
	})
	by = tally{}
	for _, guest := range c {
		by[guest.through]++
	}
	if err == nil {
		g.say("   %d clients hold connections to web: %s. Each says something 10 times a second, and hears the echo.", n, by.ways())
	}
	return c, by, err
}
