package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// Rules that a person would write for one service and for one zone.
const (
	byHandDNAT = `table ip byhand {
	chain prerouting {
		type nat hook prerouting priority -100;
		ip daddr 20.0.0.0/8 meta l4proto { tcp, udp } th dport 80 dnat to 172.16.0.1
	}
}`
	byHandSNAT = `table ip byhand {
	chain postrouting {
		type nat hook postrouting priority 100;
		oifname "wan0" snat to 198.19.0.0-198.19.0.3 persistent
	}
}`
)

// gateways makes the two that take turns; end takes both away.
func gateways(ctx context.Context) (ours, theirs *lab.Gateway, end func(), err error) {
	if ours, err = lab.NewGateway(ctx); err != nil {
		return nil, nil, nil, err
	}
	if theirs, err = lab.NewGateway(ctx); err != nil {
		ours.Close()
		return nil, nil, nil, err
	}
	return ours, theirs, func() { theirs.Close(); ours.Close() }, nil
}

// keeping makes gateways whose flows stay until all of a round have been counted, on busy machines too:
// for so many seconds, by those timeouts of conntrack.
func keeping(ctx context.Context, seconds string, timeouts ...string) (ours, theirs *lab.Gateway, end func(), err error) {
	if ours, theirs, end, err = gateways(ctx); err != nil {
		return nil, nil, nil, err
	}
	for _, g := range []*lab.Gateway{ours, theirs} {
		for _, key := range timeouts {
			if err := g.Gateway.Sysctl("net/netfilter/nf_conntrack_"+key, seconds); err != nil {
				end()
				return nil, nil, nil, err
			}
		}
	}
	return ours, theirs, end, nil
}

// rate sends the same new connections through a gateway that snatctl set up and through one
// with a single rule, in turn.
func (b *bench) rate(ctx context.Context) error {
	ours, theirs, end, err := gateways(ctx)
	if err != nil {
		return err
	}
	defer end()

	services := func(port string) []byte {
		return sample.Fleet{Services: b.size.services, Servers: b.size.servers, Port: port}.Policy()
	}
	perService := lab.ServiceFlows(b.size.services, b.size.flows)
	perZone := lab.ZoneFlows(b.size.zones, b.size.flows)
	zones := sample.Zones(b.size.zones)
	for _, c := range []contest{
		{what: fmt.Sprintf("TCP connects to %d services", b.size.services), policy: services("tcp/80"), byHand: byHandDNAT, flows: perService[:b.size.connects], send: (*lab.Gateway).Connects, nat: "--dst-nat", accounting: kernelDefault},
		{what: fmt.Sprintf("UDP flows to %d services", b.size.services), policy: services("udp/80"), byHand: byHandDNAT, flows: perService, send: (*lab.Gateway).Datagrams, nat: "--dst-nat", accounting: kernelDefault},
		{what: "  accounting alike", policy: services("udp/80"), byHand: byHandDNAT, flows: perService, send: (*lab.Gateway).Datagrams, nat: "--dst-nat", accounting: asApplySets},
		{what: fmt.Sprintf("TCP connects from %d zones", b.size.zones), policy: zones, byHand: byHandSNAT, flows: perZone[:b.size.connects], send: (*lab.Gateway).Connects, nat: "--src-nat", accounting: kernelDefault},
		{what: fmt.Sprintf("UDP flows from %d zones", b.size.zones), policy: zones, byHand: byHandSNAT, flows: perZone, send: (*lab.Gateway).Datagrams, nat: "--src-nat", accounting: kernelDefault},
		{what: "  accounting alike", policy: zones, byHand: byHandSNAT, flows: perZone, send: (*lab.Gateway).Datagrams, nat: "--src-nat", accounting: asApplySets},
		{what: "  with 10 conditional zones", policy: sample.ZonesWithConditions(b.size.zones, 10), rival: zones, flows: perZone, send: (*lab.Gateway).Datagrams, nat: "--src-nat", accounting: asApplySets},
	} {
		if err := c.run(ctx, b, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// contest is one kind of new connections through two gateways.
type contest struct {
	what   string
	policy []byte
	byHand string // the rival's rules; or
	rival  []byte // the policy that the rival's gateway has by snatctl
	flows  []lab.Flow
	send   lab.Sender
	nat    string // the conntrack tool's option for the kind of translation

	// The settings of the gateway with the rule by hand. apply switches accounting,
	// timestamps and events on, which costs every new connection something; rows that
	// have both gateways do so tell what is due to the rules.
	accounting accounting

	before func(context.Context, *lab.Gateway) error // what ours does before each round; nil: nothing
}

// accounting holds what conntrack notes of each connection: sysctls below net.netfilter.
type accounting struct{ acct, timestamp, events string }

var (
	kernelDefault = accounting{"0", "0", "2"}
	asApplySets   = accounting{"1", "1", "1"}
)

func (a accounting) set(h *nstest.Host) error {
	return errors.Join(
		h.Sysctl("net/netfilter/nf_conntrack_acct", a.acct),
		h.Sysctl("net/netfilter/nf_conntrack_timestamp", a.timestamp),
		h.Sysctl("net/netfilter/nf_conntrack_events", a.events),
	)
}

// run says what the contest is about and measures it. Its error says that, too.
func (c contest) run(ctx context.Context, b *bench, ours, theirs *lab.Gateway) error {
	b.say("  %s", c.what)
	if err := c.measure(ctx, b, ours, theirs); err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	return nil
}

func (c contest) measure(ctx context.Context, b *bench, ours, theirs *lab.Gateway) error {
	file, err := b.write("rate.yaml", c.policy)
	if err != nil {
		return err
	}
	if _, err := lab.Run(ctx, ours.Gateway, b.snatctl, "apply", "-f", file); err != nil {
		return err
	}
	script, err := b.write("byhand.nft", []byte("flush ruleset\n"+c.byHand+"\n"))
	if err != nil {
		return err
	}
	if _, err := theirs.Gateway.Output(ctx, "nft", "-f", script); err != nil {
		return err
	}
	against := "one rule: "
	if c.rival != nil {
		against = "without: "
		plain, err := b.write("rival.yaml", c.rival)
		if err != nil {
			return err
		}
		if _, err := lab.Run(ctx, theirs.Gateway, b.snatctl, "apply", "-f", plain); err != nil {
			return err
		}
	}
	if err := c.accounting.set(theirs.Gateway); err != nil {
		return err
	}
	for _, g := range []*lab.Gateway{ours, theirs} {
		if err := g.Translates(ctx, c.send, c.flows, c.nat); err != nil {
			return err
		}
	}
	lab.Pause()
	var mine, hand lab.Series
	for range b.n {
		m, h, err := c.round(ctx, ours, theirs)
		if err != nil {
			return err
		}
		mine, hand = append(mine, m), append(hand, h)
	}
	ratio := mine.Over(hand)
	r := row{what: c.what, ours: mine.Rate(), theirs: against + hand.Rate(), ratio: ratio}
	if c.accounting == kernelDefault {
		r.what, r.need, r.ok = "new "+c.what, ">= 0.85", ratio.Median() >= 0.85
	}
	b.add(r)
	return nil
}

// turn is how many connections one gateway takes up before it is the other's turn: some ten
// milliseconds, so that both meet the same other work on the machine.
const turn = 500

// round sends all flows through both gateways, in turns, and returns how many a second each
// takes up in its median turn.
func (c contest) round(ctx context.Context, ours, theirs *lab.Gateway) (mine, hand float64, err error) {
	if c.before != nil {
		if err := c.before(ctx, ours); err != nil {
			return 0, 0, err
		}
	}
	var took [2]lab.Series
	contenders := [2]*lab.Gateway{ours, theirs}
	first := 0
	for part := range slices.Chunk(c.flows, turn) {
		for _, i := range [2]int{first, 1 - first} {
			d, err := c.send(contenders[i], ctx, part)
			if err != nil {
				return 0, 0, err
			}
			took[i] = append(took[i], d.Seconds()/float64(len(part)))
		}
		first = 1 - first
	}
	for _, g := range contenders {
		if err := g.Forget(ctx, len(c.flows)); err != nil {
			return 0, 0, err
		}
	}
	lab.Pause()
	return 1 / took[0].Median(), 1 / took[1].Median(), nil
}
