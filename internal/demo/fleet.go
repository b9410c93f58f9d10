package main

import (
	"context"
	_ "embed" // for the policy
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/nstest"
)

// gateways is a showing of three gateways with one policy.
type gateways struct {
	*score
	snatctl string // path of the binary

	lab       *nstest.Fleet
	resilient bool   // the router's next hop groups
	dir       string // where policies and logs lie
	policy    string // as it was published last
	number    int    // of that policy
	proved    []proof
}

// proof is something that was shown, and whether it came out.
type proof struct {
	what string
	ok   bool
}

//go:embed fleet.yaml
var fleetPolicy string

const fleetPicture = `
                                  ┌── gw1 ──┐
 clients ─────────── router ──────┼── gw2 ──┼── rs1, rs2, rs3: 192.168.1.1 to .3
 203.0.113.128/25    BIRD: BGP,   └── gw3 ──┘
                     BFD, ECMP         └─────── the office 10.1.0.0/16, and etcd
`

// Where etcd is, and the fleet in it.
const (
	etcdAt = "10.1.0.2"
	prefix = "/demo"
)

// toEtcd are the flags that lead a command to the fleet; shownToEtcd is how they are shown.
var toEtcd = []string{"--etcd", "http://" + etcdAt + ":2379", "--key", prefix}

const shownToEtcd = "--etcd … --key " + prefix

const web = "203.0.114.65:80"

// How often BFD says that a gateway lives. The router counts it as dead when it was silent for three times.
const watch = 100 * time.Millisecond

// How long something may take at most, on a machine that is busy with other things.
const fleetPatience = 30 * time.Second

func (g *gateways) run(ctx context.Context) error {
	for _, part := range []func(context.Context) error{g.build, g.first, g.badCanary, g.goodCanary, g.death, g.drain} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// build makes the namespaces, and starts all but snatctl.
func (g *gateways) build(ctx context.Context) (err error) {
	g.title(1, "Three gateways behind a router")
	start := time.Now()
	if g.dir, err = os.MkdirTemp("", "snatctl-fleet-"); err != nil {
		return err
	}
	g.resilient = true
	g.lab, err = nstest.CreateFleet(nstest.FleetOptions{Resilient: true, Watch: watch})
	if errors.Is(err, nstest.ErrNoResilient) {
		g.resilient = false
		g.lab, err = nstest.CreateFleet(nstest.FleetOptions{Watch: watch})
	}
	if err != nil {
		return fmt.Errorf("create network namespaces (needs root): %w", err)
	}
	for _, rs := range g.lab.RS {
		if err := rs.ServeTCP(":80"); err != nil {
			return err
		}
	}
	if err := g.lab.Outside.ServeTCP("203.0.113.2:443"); err != nil {
		return err
	}
	if _, err := cluster.Serve(g.lab.Inside, g.dir, etcdAt); err != nil {
		return err
	}
	g.indented(strings.Trim(fleetPicture, "\n"))
	g.say("\n   The router spreads connections over all that announce an address to it (ECMP), by addresses and ports.")
	if g.resilient {
		g.say("   Its next hop groups are resilient: if one gateway goes, connections of the others stay where they are.")
	} else {
		g.say("   This kernel has no resilient next hop groups: if one gateway goes, connections of others move, too, and are lost.")
	}
	if err := g.lab.Speak(ctx); err != nil {
		return err
	}
	g.say("   Made in %.1f s, BGP and BFD between all of them and the router included.", time.Since(start).Seconds())
	return nil
}

// agent starts the agent of a gateway.
func (g *gateways) agent(i int) error {
	dir := g.lab.Files(i)
	_, err := g.lab.Gateways[i].Start(g.log(i), slices.Concat(g.lab.Within(i), g.ctl("agent", "--node", g.lab.Node(i),
		"--state-dir", filepath.Join(dir, "state"), "--socket", filepath.Join(dir, "agent.sock")))...)
	return err
}

func (g *gateways) log(i int) string { return filepath.Join(g.dir, g.lab.Node(i)+".log") }

// logged counts the lines of an event in the log of a gateway's agent.
func (g *gateways) logged(i int, event string) int {
	text, _ := os.ReadFile(g.log(i)) // there is one as soon as there is an agent
	return strings.Count(string(text), " msg="+event+" ")
}

// tool runs a command of snatctl beside etcd, and shows it. etcd's address and prefix are left out where it is shown.
func (g *gateways) tool(ctx context.Context, words ...string) (nstest.Result, error) {
	r, err := g.quiet(ctx, words...)
	if err != nil {
		return r, err
	}
	line := strings.ReplaceAll(strings.Join(words, " "), g.dir+"/", "")
	g.command("snatctl "+line+" "+shownToEtcd, strings.ReplaceAll(r.Stderr+r.Stdout, g.dir+"/", ""))
	return r, ctx.Err()
}

func (g *gateways) quiet(ctx context.Context, words ...string) (nstest.Result, error) {
	argv := g.ctl(words...)
	return g.lab.Inside.Run(ctx, argv[0], argv[1:]...)
}

// ctl is a command of snatctl that speaks with etcd.
func (g *gateways) ctl(words ...string) []string {
	return slices.Concat([]string{g.snatctl}, words, toEtcd)
}

// try writes a policy down and publishes it, with flags; it may be refused.
func (g *gateways) try(ctx context.Context, text string, flags ...string) (nstest.Result, error) {
	file := filepath.Join(g.dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nstest.Result{}, err
	}
	return g.tool(ctx, slices.Concat([]string{"publish", "-f", file}, flags)...)
}

// publish publishes a policy, and waits for some nodes to run it. It returns how long these took.
func (g *gateways) publish(ctx context.Context, nodes int, text string, flags ...string) (time.Duration, error) {
	r, err := g.try(ctx, text, flags...)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(r.Stdout, "published policy %d", &g.number); err != nil {
		return 0, fmt.Errorf("snatctl publish exits %d, and publishes nothing", r.Code)
	}
	g.policy = text
	return g.current(ctx, nodes)
}

// report is what `snatctl nodes` tells of a node.
type report struct {
	Node   string `json:"node"`
	State  string `json:"state"`
	Number int    `json:"number"`
}

func (g *gateways) nodes(ctx context.Context) (all []report, err error) {
	r, err := g.quiet(ctx, "nodes", "--format", "json")
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal([]byte(r.Stdout), &all)
}

// current waits until so many nodes run the policy of the fleet, and returns how long that took.
func (g *gateways) current(ctx context.Context, nodes int) (time.Duration, error) {
	return g.until(ctx, fmt.Sprintf("%d nodes to run policy %d", nodes, g.number), func() (bool, error) {
		all, err := g.nodes(ctx)
		return len(slices.DeleteFunc(all, func(r report) bool { return r.State != "current" || r.Number != g.number })) == nodes, err
	})
}

// routed waits until the router sends a prefix to these gateways, and returns how long that took.
func (g *gateways) routed(ctx context.Context, prefix string, to ...int) (time.Duration, error) {
	return g.until(ctx, fmt.Sprintf("the router to send %s to %v", prefix, to), func() (bool, error) {
		via, err := g.lab.Via(prefix)
		return slices.Equal(via, to), err
	})
}

func (g *gateways) until(ctx context.Context, what string, is func() (bool, error)) (time.Duration, error) {
	for began := time.Now(); ; {
		ok, err := is()
		took := time.Since(began)
		switch {
		case err != nil || ctx.Err() != nil:
			return took, errors.Join(err, ctx.Err())
		case ok:
			return took, nil
		case took > fleetPatience:
			return took, fmt.Errorf("waited %v for %s", fleetPatience, what)
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return took, err
		}
	}
}

// prove notes something that the end of the showing lists, and says it.
func (g *gateways) prove(ok bool, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	g.proved = append(g.proved, proof{what, ok})
	g.wants(ok, "not so: %s", what)
	if ok {
		g.say("   → %s", what)
	}
}

func (g *gateways) summary() bool {
	g.say("\nWhat was shown, by packets between namespaces:\n")
	ok := len(g.proved) > 0
	for _, p := range g.proved {
		g.proof(p)
		ok = ok && p.ok
	}
	if !ok {
		g.verdict(false, "Not all of it came out as it should.")
	} else {
		g.verdict(true, fmt.Sprintf("All %d came out as they should.", len(g.proved)))
	}
	return ok
}

func (g *gateways) cleanUp() {
	if g.lab != nil {
		g.lab.Close()
	}
	if g.dir != "" {
		os.RemoveAll(g.dir)
	}
}
