package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/sample"
)

// conntrackList is the yardstick for whatever reads the whole flow table.
var conntrackList = []string{"sh", "-c", "exec conntrack -L >/dev/null 2>&1"}

// flowTable lists a large flow table, and ends the flows of one real server in it.
func (b *bench) flowTable(ctx context.Context) error {
	g, err := newGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	// A quarter of a service's flows go to each of its four real servers.
	fleet := sample.Fleet{Services: b.size.table / b.size.stale / 4, Servers: 4, Port: "udp/80"}
	if err := b.flowsFor(ctx, g, fleet, time.Hour); err != nil {
		return err
	}
	flows := serviceFlows(fleet.Services, b.size.table)
	var list, end, theirs loads
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		if _, err := g.datagrams(ctx, flows); err != nil {
			return err
		}
		if err := theirs.take(ctx, b, g.Gateway, conntrackList...); err != nil {
			return err
		}
		for _, job := range []struct {
			argv []string
			into *loads
			says int
		}{
			{library("list"), &list, b.size.table},
			{library("end", fleet.ServersOf(0)[0]), &end, b.size.stale},
		} {
			if err := job.into.take(ctx, b, g.Gateway, job.argv...); err != nil {
				return err
			}
			if got := strings.TrimSpace(job.into.stdout); got != fmt.Sprint(job.says) {
				return fmt.Errorf("%s handled %s flows, want %d", strings.Join(job.argv, " "), got, job.says)
			}
		}
		if err := g.forget(ctx, b.size.table-b.size.stale); err != nil {
			return err
		}
		settle()
	}
	against := "conntrack -L: "
	size := fmt.Sprintf("%d flows", b.size.table)
	b.add(row{what: size + ": list them, CPU of ctlink", ours: list.cpu.seconds(), theirs: against + theirs.cpu.seconds(), ratio: list.cpu.over(theirs.cpu)})
	b.add(row{what: "  wall time of the same", ours: list.wall.seconds(), theirs: against + theirs.wall.seconds(), ratio: list.wall.over(theirs.wall)})
	b.add(row{what: "  its peak memory", ours: list.peak.megabytes(), theirs: against + theirs.peak.megabytes(), ratio: list.peak.over(theirs.peak)})
	cost := end.cpu.over(theirs.cpu)
	b.add(row{fmt.Sprintf("%s: find and end %d, CPU of ctlink", size, b.size.stale), end.cpu.seconds(), against + theirs.cpu.seconds(), cost, "< 1", cost.median() < 1})
	return nil
}

// flowsFor applies a policy, and has flows end after a while without packets.
func (b *bench) flowsFor(ctx context.Context, g *gateway, fleet sample.Fleet, lifetime time.Duration) error {
	file, err := b.write("flows.yaml", fleet.Policy())
	if err != nil {
		return err
	}
	if _, err := b.run(ctx, g.Gateway, b.snatctl, "apply", "-f", file); err != nil {
		return err
	}
	return g.Gateway.Sysctl("net/netfilter/nf_conntrack_udp_timeout", fmt.Sprint(int(lifetime.Seconds())))
}
