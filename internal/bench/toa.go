package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// teller is a policy of one FULLNAT service, which ServiceFlows(1, …) and Segments call.
func teller(key string) []byte {
	return fmt.Appendf(nil, "version: 1\nservices:\n  - {name: first, vip: %s, ports: tcp/80, mode: fullnat, laddrs: 198.19.0.0-198.19.0.3%s, real_servers: %s}\n",
		sample.VIPs, key, sample.Addr(sample.Servers, 1))
}

// toa measures what it costs to tell real servers who calls, beside the same FULLNAT service that does not.
func (b *bench) toa(ctx context.Context) error {
	ours, theirs, end, err := keeping(ctx, "120", "tcp_timeout_close")
	if err != nil {
		return err
	}
	defer end()
	c := contest{what: "TCP connects to a FULLNAT service, client_address: toa", policy: teller(", client_address: toa"), rival: teller(""),
		flows: lab.ServiceFlows(1, b.size.connects), send: (*lab.Gateway).Connects, nat: "--dst-nat", accounting: asApplySets}
	if err := c.run(ctx, b, ours, theirs); err != nil {
		return err
	}
	const what = "  segments of one byte, established"
	b.say(what)
	var with, without lab.Series
	for range b.n {
		for _, c := range []struct {
			g    *lab.Gateway
			rate *lab.Series
		}{{ours, &with}, {theirs, &without}} {
			rate, err := c.g.Segments(ctx, 0, b.size.flows)
			if err != nil {
				return err
			}
			*c.rate = append(*c.rate, rate)
		}
	}
	b.add(row{what: what, ours: with.Rate(), theirs: without.Rate(), ratio: with.Over(without)})
	return nil
}
