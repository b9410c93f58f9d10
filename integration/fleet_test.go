package integration

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// fleetRun is a gateway whose policy comes from an etcd beside it.
type fleetRun struct {
	*agentRun
	c     *cluster.Cluster
	where []string // --etcd and --key
}

func startFleet(t *testing.T) *fleetRun {
	t.Helper()
	h := startGateway(t, "")
	f := &fleetRun{c: cluster.Start(t, cluster.Options{Do: h.Do})}
	f.where = []string{"--etcd", f.c.URLs()[0], "--key", "/snatctl/test"}
	f.agentRun = newAgent(t, h, small, slices.Concat([]string{"--node", "gw1"}, f.where)...)
	f.file = ""
	return f
}

// publish publishes a policy.
func (f *fleetRun) publish(t testing.TB, policy string, args ...string) nstest.Result {
	t.Helper()
	return ctl(t, f.h, slices.Concat([]string{"publish", "-f", policyFile(t, policy)}, f.where, args)...)
}

// nodeReport is what `snatctl nodes` tells of a node.
type nodeReport struct {
	Node   string    `json:"node"`
	Hash   string    `json:"hash"`
	At     time.Time `json:"applied_at"`
	Error  string    `json:"error"`
	Down   []string  `json:"services_down"`
	State  string    `json:"state"`
	Number int       `json:"number"`
	Wanted string    `json:"wanted"`
}

func (f *fleetRun) nodes(t testing.TB) (all []nodeReport) {
	t.Helper()
	r := ctl(t, f.h, slices.Concat([]string{"nodes", "--format", "json"}, f.where)...)
	if err := json.Unmarshal([]byte(r.Stdout), &all); err != nil {
		t.Fatalf("nodes: exit %d: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return slices.DeleteFunc(all, func(n nodeReport) bool { return n.State == "silent" }) // the policy has them, and none runs
}

// becomes waits for the one node to report something.
func (f *fleetRun) becomes(t *testing.T, what string, is func(nodeReport) bool) {
	t.Helper()
	eventually(t, what, func() bool { all := f.nodes(t); return len(all) == 1 && all[0].Node == "gw1" && is(all[0]) })
}

// A policy is published, followed and reported; a canary that cannot be applied or loses a quorum is taken back;
// what must not be published is not.
func TestFleet(t *testing.T) {
	f := startFleet(t)
	f.launch(t) // it waits for the first policy
	if r := f.publish(t, small); r.Code != 0 || !strings.Contains(r.Stdout, "published policy 1 ") {
		t.Fatalf("exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.fits(t, small)
	f.becomes(t, "it to report", func(n nodeReport) bool {
		return n.State == "current" && n.Number == 1 && n.Hash == n.Wanted && !n.At.IsZero()
	})
	if r := f.publish(t, small); r.Code != 0 || !strings.Contains(r.Stdout, "has this policy already") {
		t.Errorf("the same again: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for name, bad := range map[string]string{
		"invalid policy": "version: 1\nzones: nonsense\n",
		"tests":          small + "tests:\n  - {name: wrong, from: 10.2.0.1, to: 192.0.2.1, proto: tcp, expect: {zone: office}}\n",
	} {
		if r := f.publish(t, bad); r.Code != 1 || !strings.Contains(r.Stderr, "nothing was published") {
			t.Errorf("%s: exit %d\n%s%s", name, r.Code, r.Stdout, r.Stderr)
		}
	}
	other := strings.Replace(changed, "uplinks: [wan0, wan1]", "uplinks: [wan0, wan1], table: other", 1)
	if r := f.publish(t, other, "--canary", "gw1", "--wait", "30s"); r.Code != 1 || !strings.Contains(r.Stderr, "node gw1 cannot apply it: the policy is about table inet other") || !strings.Contains(r.Stderr, "it was taken back") {
		t.Errorf("a canary that cannot be applied: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	lost := changed + "  - {name: sick, vip: 203.0.113.99, ports: tcp/80, mode: nat, health_check: {type: tcp, interval: 200ms, timeout: 150ms, fall: 2}, real_servers: [192.168.1.7]}\n"
	if r := f.publish(t, lost, "--canary", "gw1", "--wait", "60s"); r.Code != 1 || !strings.Contains(r.Stderr, "on node gw1 service sick lost the quorum") {
		t.Errorf("a canary that loses a quorum: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.fits(t, small)
	f.becomes(t, "it to be as before", func(n nodeReport) bool { return n.State == "current" && n.Error == "" && len(n.Down) == 0 })
	if r := f.publish(t, changed, "--canary", "gw1", "--wait", "1s"); r.Code != 0 {
		t.Fatalf("a good canary: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.fits(t, changed)
	back := func(number string) nstest.Result {
		return ctl(t, f.h, slices.Concat([]string{"publish", "--rollback", number}, f.where)...)
	}
	if r := back("99"); r.Code != 1 || !strings.Contains(r.Stderr, "policy 99 is not in the history, which has (UTC) ") || !strings.Contains(r.Stderr, "; 1 of ") {
		t.Errorf("back to a policy that never was: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := back("1"); r.Code != 0 || !strings.Contains(r.Stdout, "published policy ") {
		t.Fatalf("back to the first policy: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.fits(t, small)
	if r := f.publish(t, changed); r.Code != 0 {
		t.Fatalf("forth again: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.fits(t, changed)
	f.becomes(t, "it to report that", func(n nodeReport) bool { return n.State == "current" && n.Number == 4 })
	if r := ctl(t, f.h, "apply", "-f", policyFile(t, small), "--state-dir", f.state); r.Code != 6 || !strings.Contains(r.Stderr, "as etcd:/snatctl/test says; nothing was changed (`snatctl publish` there") {
		t.Errorf("apply beside it: exit %d\n%s", r.Code, r.Stderr)
	}
	if r := ctl(t, f.h, slices.Concat([]string{"nodes"}, f.where)...); r.Code != 0 || !strings.Contains(r.Stdout, "gw1   current") {
		t.Errorf("nodes: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	// What a policy of several nodes says is judged as each of them, wherever it is published, and each takes its part.
	if r := f.publish(t, nodesPolicy+"tests: [{from: 10.1.0.9, to: 8.8.8.8, proto: icmp, expect: {snat: 198.51.100.1}}]\n"); r.Code != 1 || !strings.Contains(r.Stderr, "tests of the policy fail on node gw2") {
		t.Errorf("a test that fails on a node: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := f.publish(t, nodesPolicy); r.Code != 0 {
		t.Fatalf("a policy of several nodes: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.becomes(t, "it to have its part", func(n nodeReport) bool { return n.State == "current" && n.Error == "" })
	if r := snatctl(t, f.h, nodesPolicy, "diff", "--node", "gw1"); r.Code != 0 {
		t.Errorf("the node is not gw1: diff exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	f.ends(t, syscall.SIGTERM, 0)
	if all := f.nodes(t); len(all) != 0 {
		t.Errorf("who has ended reports: %+v", all)
	}
	if r := ctl(t, f.h, slices.Concat([]string{"nodes"}, f.where)...); strings.Count(r.Stdout, "  silent ") != 3 {
		t.Errorf("the nodes that the policy has and that do not report are not listed:\n%s", r.Stdout)
	}
}

// etcd goes, and the agent starts without it, from its disk; without that, from its history; and follows again.
func TestFleetWithoutEtcd(t *testing.T) {
	f := startFleet(t)
	if r := f.publish(t, small); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	f.start(t)
	f.fits(t, small)
	f.becomes(t, "it to report", func(n nodeReport) bool { return n.State == "current" })
	f.kill()
	f.c.Kill(0)
	nft(t, f.h, "delete table inet snatctl")
	f.start(t)
	f.fits(t, small)
	if s := f.snapshot(t); s.Policy.LastGood || s.Policy.Error != "" || !slices.Equal(s.Files, []string{"etcd:/snatctl/test"}) {
		t.Errorf("it starts with %+v of %v", s.Policy, s.Files)
	}
	if r := f.publish(t, changed); r.Code != 1 || !strings.Contains(r.Stderr, "cannot be reached") || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("publishing without etcd: exit %d\n%s", r.Code, r.Stderr)
	}
	f.kill()
	output(t, f.h, "rm", "-r", f.state+"/etcd")
	nft(t, f.h, "delete table inet snatctl")
	f.start(t)
	f.fits(t, small)
	if s := f.snapshot(t); !s.Policy.LastGood || !strings.Contains(strings.Join(s.Policy.Findings, ""), "etcd does not answer") {
		t.Errorf("it starts with %+v", s.Policy)
	}
	f.c.Run(0)
	if r := f.publish(t, changed); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	f.fits(t, changed)
	f.becomes(t, "it to report again", func(n nodeReport) bool { return n.State == "current" && n.Number == 2 })
}

// A publisher dies in the middle of a canary: etcd takes it back.
func TestFleetPublisherKilled(t *testing.T) {
	if !soak.Long() {
		t.Skip("half a minute of waiting: make soak")
	}
	f := startFleet(t)
	if r := f.publish(t, small); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	f.start(t)
	f.becomes(t, "it to report", func(n nodeReport) bool { return n.State == "current" })
	words := slices.Concat([]string{"publish", "-f", policyFile(t, changed), "--canary", "gw1", "--wait", "10m"}, f.where)
	p := exec.Command(program(t), words...)
	must(t, f.h.Do(p.Start))
	f.fits(t, changed)
	must(t, p.Process.Kill())
	_ = p.Wait()
	killed := time.Now()
	f.becomes(t, "it to go back", func(n nodeReport) bool { return n.Number == 1 && n.State == "current" })
	t.Logf("taken back %v after the publisher's death", time.Since(killed).Round(time.Second))
	f.fits(t, small)
}
