package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// conntrackList is the yardstick for whatever reads the whole flow table.
var conntrackList = []string{"sh", "-c", "exec conntrack -L >/dev/null 2>&1"}

// flowTable lists a large flow table, and ends the flows of one real server in it.
func (b *bench) flowTable(ctx context.Context) error {
	g, err := lab.NewGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	// A quarter of a service's flows go to each of its four real servers.
	fleet := sample.Fleet{Services: b.size.table / b.size.stale / 4, Servers: 4, Port: "udp/80"}
	if err := b.flowsFor(ctx, g, fleet, time.Hour); err != nil {
		return err
	}
	flows := lab.ServiceFlows(fleet.Services, b.size.table)
	var list, end, apply, theirs loads
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		if _, err := g.Datagrams(ctx, flows); err != nil {
			return err
		}
		if err := theirs.take(ctx, g.Gateway, conntrackList...); err != nil {
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
			if err := job.into.take(ctx, g.Gateway, job.argv...); err != nil {
				return err
			}
			if got := strings.TrimSpace(job.into.stdout); got != fmt.Sprint(job.says) {
				return fmt.Errorf("%s handled %s flows, want %d", strings.Join(job.argv, " "), got, job.says)
			}
		}
		if err := g.Forget(ctx, b.size.table-b.size.stale); err != nil {
			return err
		}
		lab.Pause()
		if err := b.replaceServer(ctx, g, fleet, flows, &apply); err != nil {
			return err
		}
	}
	against := "conntrack -L: "
	size := fmt.Sprintf("%d flows", b.size.table)
	b.add(row{what: size + ": list them, CPU of ctlink", ours: list.cpu.Seconds(), theirs: against + theirs.cpu.Seconds(), ratio: list.cpu.Over(theirs.cpu)})
	b.add(row{what: "  wall time of the same", ours: list.wall.Seconds(), theirs: against + theirs.wall.Seconds(), ratio: list.wall.Over(theirs.wall)})
	b.add(row{what: "  its peak memory", ours: list.peak.Megabytes(), theirs: against + theirs.peak.Megabytes(), ratio: list.peak.Over(theirs.peak)})
	cost := apply.cpu.Over(theirs.cpu)
	b.add(row{fmt.Sprintf("%s: end the %d stale ones, CPU of snatctl apply", size, b.size.stale), apply.cpu.Seconds(), against + theirs.cpu.Seconds(), cost, "< 1", cost.Median() < 1})
	b.add(row{what: "  the same by ctlink alone", ours: end.cpu.Seconds(), theirs: against + theirs.cpu.Seconds(), ratio: end.cpu.Over(theirs.cpu)})
	return nil
}

// replaceServer gives the first service another real server in place of its first, which
// makes the flows of that one stale, and undoes it.
func (b *bench) replaceServer(ctx context.Context, g *lab.Gateway, fleet sample.Fleet, flows []lab.Flow, into *loads) error {
	if _, err := g.Datagrams(ctx, flows); err != nil {
		return err
	}
	moved := fleet
	moved.First = append([]string{newServer}, fleet.ServersOf(0)[1:]...)
	file, err := b.write("moved.yaml", moved.Policy())
	if err != nil {
		return err
	}
	if err := into.take(ctx, g.Gateway, b.snatctl, "apply", "-f", file); err != nil {
		return err
	}
	if n, err := g.Entries(); err != nil || n != b.size.table-b.size.stale {
		return fmt.Errorf("%d flows stand after apply (%v), want %d", n, err, b.size.table-b.size.stale)
	}
	if err := g.Gateway.FlushFlows(ctx); err != nil {
		return err
	}
	lab.Pause()
	return b.flowsFor(ctx, g, fleet, time.Hour)
}

// flowsFor applies a policy, and has flows end after a while without packets.
func (b *bench) flowsFor(ctx context.Context, g *lab.Gateway, fleet sample.Fleet, lifetime time.Duration) error {
	file, err := b.write("flows.yaml", fleet.Policy())
	if err != nil {
		return err
	}
	if _, err := lab.Run(ctx, g.Gateway, b.snatctl, "apply", "-f", file); err != nil {
		return err
	}
	return g.Gateway.Sysctl("net/netfilter/nf_conntrack_udp_timeout", fmt.Sprint(int(lifetime.Seconds())))
}
