package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The changes of the policy. It has each old text once.
var (
	slip   = edit{"real_servers: [192.168.1.1, 192.168.1.2]", "real_servers: [192.168.11.1, 192.168.11.2]", "somebody gives web other real servers, and mistypes them"}
	joins  = edit{"real_servers: [192.168.1.1, 192.168.1.2]", "real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]", "rs3 joins"}
	number = edit{"interval: 500ms", "interval: 600ms", "a number changes while gw3 is away"}
)

// badCanary publishes a policy with a slip in it, to one node first.
func (g *gateways) badCanary(ctx context.Context) error {
	g.title(3, "A slip, and a canary that finds it")
	policy, err := g.edit(slip)
	if err != nil {
		return err
	}
	calls := g.webLoad()
	defer calls.stop()
	r, err := g.try(ctx, policy, "--canary", "gw1", "--wait", "30s")
	if err != nil {
		return err
	}
	if err := wait(ctx, called); err != nil {
		return err
	}
	during := calls.next()
	g.say("   50 calls a second to web meanwhile: %s.", during.went())
	g.prove(r.Code == 1 && strings.Contains(r.Stderr, "on node gw1 service web lost the quorum") && strings.Contains(r.Stderr, "it was taken back"),
		"The canary on gw1 failed, since web lost its quorum there, and was taken back: publish exits %d.", r.Code)
	if _, err := g.current(ctx, 3); err != nil {
		return err
	}
	tried := []int{g.logged(0, "policy_applied"), g.logged(1, "policy_applied"), g.logged(2, "policy_applied")}
	g.prove(tried[0] == 3 && tried[1] == 1 && tried[2] == 1, "gw1 applied the slip and then what was before it; gw2 and gw3 have never seen it (policies applied: %v).", tried)
	if _, err := g.back(ctx); err != nil {
		return err
	}
	g.prove(g.logged(0, "route_withdrawn") > 0, "gw1 took the VIP away from the router by itself, as long as web had no quorum there, and gave it back.")
	calls.next()
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	after := calls.next()
	if err := wait(ctx, called); err != nil {
		return err
	}
	g.say("   Calls of the 2 s after that: %s.", after.went())
	g.prove(after[""] == 0 && after["gw1"] > 0, "After that no call failed, and gw1 had its share of them again.")
	g.prove(during["gw2"] > 0 && during["gw3"] > 0, "gw2 and gw3 went on: %d calls were answered through them meanwhile.", during["gw2"]+during["gw3"])
	return nil
}

// goodCanary publishes a change that is right, in the same way.
func (g *gateways) goodCanary(ctx context.Context) error {
	g.title(4, "A change that is right, under open connections")
	policy, err := g.edit(joins)
	if err != nil {
		return err
	}
	open, _, err := g.crowd(ctx, many)
	if err != nil {
		return err
	}
	defer open.hangUp()
	took, err := g.publish(ctx, 3, policy, "--canary", "gw1", "--wait", "2s")
	if err != nil {
		return err
	}
	if _, err := g.tool(ctx, "nodes"); err != nil {
		return err
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	servers := tally{}
	for n := range 60 {
		if a, err := g.lab.Outside.Ask("tcp", client(n), web); err == nil {
			servers[a.Host]++
		}
	}
	g.prove(servers["rs3"] > 0, "After the canary all nodes followed within %.1f s; of 60 new calls %s.", took.Seconds(), servers)
	living, err := open.living(ctx, time.Second)
	if err != nil {
		return err
	}
	g.prove(living.sum() == many, "%d of %d open connections went through that change; the longest silence of one was %.1f s.", living.sum(), many, open.gap().Seconds())
	return nil
}

// many is how many connections clients hold open.
const many = 60

// edit changes the policy, and says what and why. It is published by others.
func (g *gateways) edit(e edit) (string, error) {
	if !strings.Contains(g.policy, e.old) {
		return "", fmt.Errorf("the policy lacks %q", e.old)
	}
	g.say("   In policy.yaml %s:", e.why)
	g.indented("  - " + e.old + "\n  + " + e.new)
	return strings.Replace(g.policy, e.old, e.new, 1), nil
}

// went says how calls went: "gw1 20, gw2 19; 3 failed".
func (t tally) went() string { return fmt.Sprintf("%s; %d failed", t.ways(), t[""]) }

// sum counts all.
func (t tally) sum() (n int) {
	for _, x := range t {
		n += x
	}
	return n
}
