package main

import (
	"context"
	"slices"
	"time"
)

// The states of gw2 in the policy, one after the other.
var (
	drains  = edit{"gw2: {router_id: 172.16.0.2, asn: 65010}", "gw2: {router_id: 172.16.0.2, asn: 65010, state: drain}", "gw2 is to be drained, since its kernel is to be replaced"}
	returns = edit{"asn: 65010, state: drain}", "asn: 65010, state: return}", "gw2 is back; connections of its own are still with the others"}
)

// drain has a gateway get no new connections, and keep those that it has.
func (g *gateways) drain(ctx context.Context) error {
	g.title(6, "A gateway is drained")
	open, before, err := g.crowd(ctx, many)
	if err != nil {
		return err
	}
	defer open.hangUp()
	policy, err := g.edit(drains)
	if err != nil {
		return err
	}
	g.say("   The others have it first, so that they know what to do with packets of connections that they do not know: send them to gw2.")
	if _, err := g.publish(ctx, 3, policy, "--canary", "gw1,gw3", "--wait", "2s"); err != nil {
		return err
	}
	took, err := g.routed(ctx, vip, 0, 2)
	if err != nil {
		return err
	}
	g.say("   The router does not send web to gw2 any more, %.1f s later. Its connections arrive at the others now.", took.Seconds())
	calls := g.webLoad()
	living, err := open.living(ctx, silence)
	calls.stop()
	if err != nil {
		return err
	}
	during := calls.next()
	g.say("   Of the open connections live: %s (before: %s). New calls meanwhile: %s.", living.ways(), before.ways(), during.went())
	if g.resilient {
		g.prove(living.sum() == many, "%d of %d open connections go on while gw2 is drained, gw2's %d among them; the longest silence of one was %.1f s.", living.sum(), many, living["gw2"], open.gap().Seconds())
	} else {
		g.prove(living["gw2"] == before["gw2"], "%d of %d connections of gw2 go on.", living["gw2"], before["gw2"])
	}
	g.prove(during["gw2"] == 0 && during[""] == 0 && during.sum() > 0, "gw2 got none of %d new calls meanwhile, and none failed.", during.sum())
	open.only("gw2").hangUp()
	return g.undrain(ctx, open.but("gw2"))
}

// undrain has the gateway take its share again.
func (g *gateways) undrain(ctx context.Context, open crowd) error {
	g.say("   gw2's clients hang up: it could be switched off now. Then it comes back.")
	policy, err := g.edit(returns)
	if err != nil {
		return err
	}
	if _, err := g.publish(ctx, 3, policy); err != nil {
		return err
	}
	if _, err := g.back(ctx); err != nil {
		return err
	}
	calls := g.webLoad()
	living, err := open.living(ctx, 2*time.Second)
	calls.stop()
	if err != nil {
		return err
	}
	after := calls.next()
	g.prove(after["gw2"] > 0 && after[""] == 0, "gw2 takes its share of new calls again: %s.", after.went())
	if g.resilient {
		g.prove(living.sum() == len(open), "%d of %d connections of the other gateways have not noticed that gw2 was away and is back.", living.sum(), len(open))
	}
	return nil
}

// only are the guests of a gateway; but are all others.
func (c crowd) only(gw string) crowd { return c.filter(func(g *guest) bool { return g.through == gw }) }

func (c crowd) but(gw string) crowd { return c.filter(func(g *guest) bool { return g.through != gw }) }

func (c crowd) filter(is func(*guest) bool) crowd {
	return slices.DeleteFunc(slices.Clone(c), func(g *guest) bool { return !is(g) })
}
