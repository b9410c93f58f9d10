package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// timed is a policy of one zone that ZoneFlows leave from, with keys of the gateway and of the zone.
func timed(gateway, zone string) []byte {
	return fmt.Appendf(nil, "version: 1\ngateway: {cleanup: stale%s}\nzones:\n  - {name: first, from: %s, laddrs: 198.19.0.0-198.19.0.3%s}\n", gateway, sample.Sources+"/10", zone)
}

// timeouts measures what timeouts and mss cost new connections, beside the same policy without.
func (b *bench) timeouts(ctx context.Context) error {
	ours, theirs, end, err := keeping(ctx, "120", "tcp_timeout_close")
	if err != nil {
		return err
	}
	defer end()
	connect, send := (*lab.Gateway).Connects, (*lab.Gateway).Datagrams
	flows := lab.ZoneFlows(1000, b.size.flows)
	for _, c := range []struct {
		contest
		gateway, zone string
	}{
		{contest{what: "UDP flows of a zone, timeouts of the gateway", flows: flows, send: send}, ", timeouts: rfc", ""},
		{contest{what: "  timeouts of the zone", flows: flows, send: send}, "", ", timeouts: rfc"},
		{contest{what: "  of both", flows: flows, send: send}, ", timeouts: rfc", ", timeouts: {udp: 600s}"},
		{contest{what: "TCP connects from a zone, mss of the gateway", flows: flows[:b.size.connects], send: connect}, ", mss: clamp", ""},
		{contest{what: "  mss of the zone", flows: flows[:b.size.connects], send: connect}, "", ", mss: 1360"},
	} {
		c.nat, c.accounting, c.policy, c.rival = "--src-nat", asApplySets, timed(c.gateway, c.zone), timed("", "")
		if err := c.run(ctx, b, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}
