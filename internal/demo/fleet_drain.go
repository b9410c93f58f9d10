package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// How long the drain may take: until the flows of gw2 have ended.
const drainTime = 90 * time.Second

// drain has a gateway get no new connections, and keep those that it has until they have ended.
func (g *gateways) drain(ctx context.Context) error {
	g.title(6, "A gateway is drained")
	open, before, err := g.crowd(ctx, many)
	if err != nil {
		return err
	}
	defer open.hangUp()
	drain, err := g.lab.Inside.Speak(g.ctl("node", "drain", "gw2", "--for", drainTime.String())...)
	if err != nil {
		return err
	}
	defer drain.Stop()
	said, err := drain.Line(ctx, fleetPatience, "node gw2 drains")
	if err != nil {
		return err
	}
	g.command(fmt.Sprintf("snatctl node drain gw2 --for %v %s &", drainTime, shownToEtcd), said)
	if _, err := g.routed(ctx, vip, 0, 2); err != nil {
		return err
	}
	g.say("   The router does not send web to gw2 any more. Packets of gw2's connections arrive at the others, which send them on to it.")
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
	g.say("   gw2's clients hang up.")
	hung := time.Now()
	open.only("gw2").hangUp()
	ended, err := drain.Hear(ctx, drainTime, "node gw2 has no flows of services any more: it is drained")
	if err != nil {
		return err
	}
	g.indented("node gw2 has no flows of services any more: it is drained")
	g.prove(ended.After(hung), "The command ended %.1f s after gw2's last client had hung up, and not before: gw2 can be switched off.", ended.Sub(hung).Seconds())
	return g.undrain(ctx, open.but("gw2"))
}

// undrain has the gateway take its share again.
func (g *gateways) undrain(ctx context.Context, open crowd) error {
	if r, err := g.tool(ctx, "node", "undrain", "gw2", "--for", "1m"); err != nil || r.Code != 0 {
		return errors.Join(err, fmt.Errorf("snatctl node undrain exits %d", r.Code))
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
