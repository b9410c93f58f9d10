package main

import (
	"context"
	"time"
)

const vip, slices3 = "203.0.114.65/32", "198.51.100.32/28"

// back waits for the router to spread connections to the VIP over all gateways, and returns how long that took.
func (g *gateways) back(ctx context.Context) (time.Duration, error) {
	took, err := g.routed(ctx, slices3, 2)
	if err != nil {
		return took, err
	}
	more, err := g.routed(ctx, vip, 0, 1, 2)
	return took + more, err
}

// death takes all cables out of a gateway, and puts them in again.
func (g *gateways) death(ctx context.Context) error {
	g.title(5, "A gateway dies")
	open, before, err := g.crowd(ctx, many)
	if err != nil {
		return err
	}
	defer open.hangUp()
	calls := g.webLoad()
	defer calls.stop()
	if err := wait(ctx, time.Second); err != nil {
		return err
	}
	g.say("   All cables of gw3 are pulled at once. Nobody is told; BFD says every 100 ms that both ends live.")
	calls.next()
	if err := g.lab.Die(2); err != nil {
		return err
	}
	took, err := g.routed(ctx, vip, 0, 1)
	if err != nil {
		return err
	}
	if err := wait(ctx, called); err != nil { // calls that began while the router did not know
		return err
	}
	during := calls.next()
	left, err := open.living(ctx, silence)
	if err != nil {
		return err
	}
	after := calls.next()
	if err := wait(ctx, called); err != nil {
		return err
	}
	g.say("   The router has taken gw3 out after %.2f s. Calls until then, and the second after: %s. Later: %s.", took.Seconds(), during.went(), after.went())
	g.prove(after[""] == 0 && after.sum() > 0, "BFD found gw3's death within %.2f s, and no new call failed after that.", took.Seconds())
	g.say("   Of the open connections live: %s (before: %s).", left.ways(), before.ways())
	lost := before["gw1"] + before["gw2"] - left["gw1"] - left["gw2"]
	if g.resilient {
		g.prove(lost == 0 && left["gw3"] == 0, "Only gw3's own %d connections were lost, 0 of the other %d: the next hop group is resilient.", before["gw3"], many-before["gw3"])
	} else {
		g.say("   gw3's own %d connections were lost, and %d of the others: the router moved them.", before["gw3"], lost)
	}
	return g.absent(ctx)
}

// absent publishes while the gateway is away, and has it come back.
func (g *gateways) absent(ctx context.Context) error {
	policy, err := g.edit(number)
	if err != nil {
		return err
	}
	if _, err := g.publish(ctx, 2, policy); err != nil {
		return err
	}
	g.say("   The cables are in again.")
	if err := g.lab.Return(2); err != nil {
		return err
	}
	took, err := g.current(ctx, 3)
	if err != nil {
		return err
	}
	more, err := g.back(ctx)
	if err != nil {
		return err
	}
	if _, err := g.tool(ctx, "nodes"); err != nil {
		return err
	}
	g.prove(true, "gw3 is back, announces itself again, and runs the policy that it had missed, %.1f s after its cables were in.", (took + more).Seconds())
	return nil
}
