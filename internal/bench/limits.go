package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// limited is a policy of one service, which ServiceFlows(1, …) calls, and limits may bound; limits may be empty.
// Another stands beside it.
func limited(limits string) []byte {
	return fmt.Appendf(nil, "version: 1\nservices:\n"+
		"  - {name: first, vip: %s, ports: [tcp/80, udp/80], hairpin: false, real_servers: [%s]%s}\n"+
		"  - {name: second, vip: %s, ports: [tcp/80, udp/80], hairpin: false, real_servers: [%s]}\n",
		sample.VIPs, sample.Addr(sample.Servers, 1), limits, sample.Addr(sample.VIPs, 1), sample.Addr(sample.Servers, 2))
}

// limitedZone is the same of a zone, which ZoneFlows leave from.
func limitedZone(limits string) []byte {
	return fmt.Appendf(nil, "version: 1\nzones:\n  - {name: first, from: %s, laddrs: 198.19.0.0-198.19.0.3%s}\n", sample.Sources+"/10", limits)
}

const threeLimits = ", limits: {connections: 1000000, connections_per_client: 100, new_per_client: 1000/second, burst: 2000}"

// limits measures what limits cost beside the same policy without, and what they are for.
func (b *bench) limits(ctx context.Context) error {
	ours, theirs, end, err := keeping(ctx, "300", "tcp_timeout_close", "udp_timeout")
	if err != nil {
		return err
	}
	defer end()
	const (
		all    = ", limits: {connections: 1000000}"
		narrow = ", limits: {connections: 15000}"
		client = ", limits: {connections_per_client: 100}"
		rate   = ", limits: {new_per_client: 1000/second, burst: 2000}"
	)
	connect, send := (*lab.Gateway).Connects, onCPU((*lab.Gateway).Datagrams)
	flows, many := lab.ServiceFlows(1, b.size.flows/2), b.size.table/2
	after := func(n int) []lab.Flow { return lab.ServiceFlows(1, many+n)[many:] }
	for _, c := range []struct {
		contest
		limits string
		held   []lab.Flow // that stand before
	}{
		{contest{what: "TCP connects, all three limits", flows: flows[:b.size.connects/4], send: connect}, threeLimits, nil},
		{contest{what: "UDP flows a second of CPU, each of another client: new_per_client", flows: flows, send: send}, rate, nil},
		{contest{what: "  connections_per_client", flows: flows, send: send}, client, nil},
		{contest{what: "  connections", flows: flows, send: send}, all, nil},
		{contest{what: "  all three limits", flows: flows, send: send}, threeLimits, nil},
		{contest{what: fmt.Sprintf("  connections_per_client, %d clients held", many), flows: after(len(flows)), send: send}, client, lab.ServiceFlows(1, many)},
		{contest{what: "  connections 15000, 10000 held", flows: lab.ServiceFlows(1, 11000)[10000:], send: send}, narrow, lab.ServiceFlows(1, 10000)},
		{contest{what: "UDP flows a second of CPU, connections_per_client: the first 1000 of a client", flows: lab.ClientFlows(1000), send: send}, ", limits: {connections_per_client: 1000}", nil},
		{contest{what: "  the first 10000 of a client", flows: lab.ClientFlows(10000), send: send}, ", limits: {connections_per_client: 10000}", nil},
	} {
		c.nat, c.accounting, c.policy, c.rival = "--dst-nat", asApplySets, limited(c.limits), limited("")
		c.before = func(ctx context.Context, g *lab.Gateway) error { return b.anew(ctx, g, c.held) }
		if err := c.run(ctx, b, ours, theirs); err != nil {
			return err
		}
	}
	zone := contest{what: "UDP flows a second of CPU, a zone with all three limits", policy: limitedZone(threeLimits), rival: limitedZone(""), flows: lab.ZoneFlows(1000, len(flows)), send: send, nat: "--src-nat",
		accounting: asApplySets, before: func(ctx context.Context, g *lab.Gateway) error { return b.anew(ctx, g, nil) }}
	if err := zone.run(ctx, b, ours, theirs); err != nil {
		return err
	}
	return b.flooded(ctx, ours, theirs)
}

// onCPU takes the time of the processor in place of that which passes: long walks through lists are interrupted by
// whatever else a machine does.
func onCPU(send lab.Sender) lab.Sender {
	return func(g *lab.Gateway, ctx context.Context, flows []lab.Flow) (time.Duration, error) {
		before := lab.SelfCPU()
		_, err := send(g, ctx, flows)
		return lab.SelfCPU() - before, err
	}
}

// anew makes the table of a contest anew, in which no flow counts that a round before has left, and lets some flows
// stand.
func (b *bench) anew(ctx context.Context, g *lab.Gateway, held []lab.Flow) error {
	if err := clear(ctx, g.Gateway); err != nil {
		return err
	}
	if _, err := lab.Run(ctx, g.Gateway, b.snatctl, "apply", "-f", filepath.Join(b.dir, "rate.yaml")); err != nil {
		return err
	}
	if _, err := g.Datagrams(ctx, held); err != nil {
		return err
	}
	return g.TakesUp(ctx, len(held))
}

// flood is how many flows a second one client begins, and for how long others are measured beside it.
const flood = 40000

// flooded measures the connections of others to a service that one client floods: with limits, without them, and
// without the flood.
func (b *bench) flooded(ctx context.Context, ours, theirs *lab.Gateway) error {
	const what = "TCP connects of others, while one client begins %d UDP flows a second"
	b.say("  "+what, flood)
	for g, text := range map[*lab.Gateway][]byte{ours: limited(", limits: {connections: 20000, connections_per_client: 100}"), theirs: limited("")} {
		file, err := b.write("flooded.yaml", text)
		if err != nil {
			return err
		}
		if _, err := lab.Run(ctx, g.Gateway, b.snatctl, "apply", "-f", file); err != nil {
			return err
		}
	}
	var with, without, quiet, held, filled lab.Series
	for range b.n {
		for _, c := range []struct {
			g         *lab.Gateway
			a         int
			rate, all *lab.Series
		}{{ours, flood, &with, &held}, {theirs, flood, &without, &filled}, {ours, 0, &quiet, nil}} {
			rate, entries, err := others(ctx, c.g, c.a, b.size.connects/4)
			if err != nil {
				return err
			}
			*c.rate = append(*c.rate, rate)
			if c.all != nil {
				*c.all = append(*c.all, float64(entries))
			}
		}
	}
	b.add(row{what: fmt.Sprintf(what, flood), ours: with.Rate(), theirs: "without limits: " + without.Rate(), ratio: with.Over(without)})
	b.add(row{what: "  none of them fails", ours: with.Rate(), theirs: "no flood: " + quiet.Rate(), ratio: with.Over(quiet)})
	b.add(row{what: "  flows that the flood holds in conntrack", ours: held.Count(), theirs: "without limits: " + filled.Count()})
	return nil
}

// others connects to the first service from many clients, one after the other, while one client floods it. It
// returns connects a second, and how many flows the flood has.
func others(ctx context.Context, g *lab.Gateway, flood, connects int) (rate float64, entries int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	if flood > 0 {
		wg.Go(func() { floods(ctx, g, flood) })
		time.Sleep(time.Second) // until the client has what it may have
	}
	took, err := g.Connects(ctx, lab.ServiceFlows(1, connects+2)[2:]) // the second is who floods
	stop()
	wg.Wait()
	if err != nil {
		return 0, 0, err
	}
	lab.Pause()
	list, err := g.Gateway.Output(context.WithoutCancel(ctx), "conntrack", "-L", "-p", "udp", "-o", "id")
	if err != nil {
		return 0, 0, err
	}
	entries = strings.Count(list, "\n")
	if err := g.Gateway.FlushFlows(context.WithoutCancel(ctx)); err != nil {
		return 0, 0, err
	}
	lab.Pause()
	return float64(connects) / took.Seconds(), entries, nil
}

// floods begins so many flows a second until it is stopped, all of one client.
func floods(ctx context.Context, g *lab.Gateway, rate int) {
	all := lab.ClientFlows(60000)
	const clump = 40
	tick := time.NewTicker(time.Second * clump / time.Duration(rate))
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i = (i + clump) % len(all) {
		if _, err := g.Datagrams(ctx, all[i:i+clump]); err != nil {
			return
		}
		<-tick.C
	}
}
