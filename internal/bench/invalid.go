package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// packetsEach is how many packets of each flow the row about live flows sends: the first
// begins it.
const packetsEach = 64

// invalid measures what the rule in forward costs that drops packets of no connection
// (gateway.invalid): the same zones with it and without it.
func (b *bench) invalid(ctx context.Context) error {
	ours, theirs, end, err := gateways(ctx)
	if err != nil {
		return err
	}
	defer end()
	const few = 100
	zones := func(gateway string) []byte {
		return bytes.Replace(sample.Zones(few), []byte("version: 1\n"), []byte("version: 1\ngateway: {uplinks: wan0"+gateway+"}\n"), 1)
	}
	perZone := lab.ZoneFlows(few, b.size.flows)
	for _, c := range []contest{
		{what: "TCP connects, with the rule for invalid packets", flows: perZone[:b.size.connects], send: (*lab.Gateway).Connects},
		{what: "UDP flows, with the rule for invalid packets", flows: perZone, send: (*lab.Gateway).Datagrams},
		{what: fmt.Sprintf("  flows of %d packets each", packetsEach), flows: perZone[:b.size.connects], send: packets},
	} {
		c.policy, c.rival, c.nat, c.accounting = zones(""), zones(", invalid: accept"), "--src-nat", asApplySets
		if err := c.run(ctx, b, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// packets sends datagrams of each flow, one behind the other.
func packets(g *lab.Gateway, ctx context.Context, flows []lab.Flow) (time.Duration, error) {
	all := make([]lab.Flow, 0, len(flows)*packetsEach)
	for _, f := range flows {
		for range packetsEach {
			all = append(all, f)
		}
	}
	return g.Datagrams(ctx, all)
}
