package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// uplinks measures what uplinks as objects cost beside the same zone by the routes of the host.
func (b *bench) uplinks(ctx context.Context) error {
	ours, theirs, end, err := gateways(ctx)
	if err != nil {
		return err
	}
	defer end()
	zone := func(uplinks, key string) []byte {
		return fmt.Appendf(nil, "version: 1\ngateway: {uplinks: %s}\nzones:\n  - {name: first, from: %s, laddrs: 198.19.0.0-198.19.0.3%s}\n", uplinks, sample.Sources+"/10", key)
	}
	const objects = "{isp1: {interface: wan0, gateway: 192.0.2.1}, isp2: {interface: wan1, gateway: 198.18.1.1}}"
	flows := lab.ZoneFlows(1000, b.size.flows)
	for _, c := range []struct {
		contest
		key string
	}{
		{contest{what: "UDP flows of a zone, uplink: isp1", flows: flows, send: (*lab.Gateway).Datagrams}, ", uplink: isp1"},
		{contest{what: "  uplink: balance", flows: flows, send: (*lab.Gateway).Datagrams}, ", uplink: balance"},
		{contest{what: "  a zone that chooses none", flows: flows, send: (*lab.Gateway).Datagrams}, ""},
		{contest{what: fmt.Sprintf("flows of %d packets each, uplink: isp1", packetsEach), flows: flows[:b.size.connects], send: packets}, ", uplink: isp1"},
		{contest{what: "  a zone that chooses none", flows: flows[:b.size.connects], send: packets}, ""},
	} {
		c.nat, c.accounting, c.policy, c.rival = "--src-nat", asApplySets, zone(objects, c.key), zone("[wan0, wan1]", "")
		if err := c.run(ctx, b, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}
