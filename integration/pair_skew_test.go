package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// The gateway that takes over has another policy: it ends the flows that this one would not have made, keeps all others,
// and persistent services know the clients that have one. What commands say is true before and after.
func TestPairWithAnotherPolicy(t *testing.T) {
	policy := pairPolicy + `  - {name: sticky, vip: [203.0.113.67, "2001:db8:d::67"], ports: tcp/80, mode: nat, persistence: 1h, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
`
	p := startPair(t, policy, true)
	p.bring(t, 1, strings.Replace(policy, `mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]`, `mode: nat, real_servers: [192.168.1.1, "fd05::1"]`, 1))
	all := p.talk(t, 6)
	clients := make(map[string]*nstest.Chat)
	for i := range 8 {
		for from, to := range map[string]string{fmt.Sprintf("203.0.113.%d", 130+i): "203.0.113.67:80", fmt.Sprintf("2001:db8:c:0:8000::%d", i+1): "[2001:db8:d::67]:80"} {
			c, err := p.Outside.OpenChat("tcp", from, to, 400*time.Millisecond)
			must(t, err)
			t.Cleanup(func() { c.Close() })
			clients[from] = c
		}
	}
	ends := func(what string, c *nstest.Chat) bool { // the other policy would not have made it
		return strings.HasSuffix(strings.TrimSuffix(what, "6"), " nat") && c.Answer.Host == "rs2"
	}
	doomed := 0
	for what, list := range all {
		for _, c := range list {
			if ends(what, c) {
				doomed++
			}
		}
	}
	if doomed < 4 {
		t.Fatalf("only %d connections of service nat are with rs2", doomed)
	}
	zone := all["tcp zone"][0].Answer.Peer.String()
	p.synced(t, 1, 40)
	for _, args := range [][]string{{"flows"}, {"status"}, {"lookup", zone}} {
		if r := p.ctl(t, 1, args...); !strings.Contains(r.Stderr, "note: this gateway of a pair waits") || strings.Contains(r.Stdout, zone) || args[0] == "lookup" && r.Code != 1 {
			t.Errorf("%q on the gateway that waits: exit %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	must(t, p.Unplug(0, "wan", "lan", "rs", "sync"))
	s := p.becomes(t, 1, "primary")
	for _, step := range s.Steps {
		if step.Step == "cleanup" && (step.Count == nil || *step.Count != doomed) || step.Step == "sticky clients" && (step.Count == nil || *step.Count != len(clients)) {
			t.Errorf("of %d connections that its policy would not make and %d clients, it tells %s of %v", doomed, len(clients), step.Step, step.Count)
		}
	}
	for what, list := range all {
		for _, c := range list {
			if ends(what, c) {
				continue
			}
			words := c.Words()
			eventually(t, what+" to go on", func() bool { return c.Lost() != nil || c.Words() > words })
			if err := c.Lost(); err != nil {
				t.Errorf("%s with %s: %v", what, c.Answer.Host, err)
			}
		}
	}
	for from, c := range clients {
		to := "203.0.113.67:80"
		if strings.Contains(from, ":") {
			to = "[2001:db8:d::67]:80"
		}
		if a, err := p.Outside.Ask("tcp", from, to); err != nil || a.Host != c.Answer.Host {
			t.Errorf("client %s was with %s, and now with %s (%v)", from, c.Answer.Host, a.Host, err)
		}
		must(t, c.Lost())
	}
	for _, args := range [][]string{{"status", "--check"}, {"lookup", zone}, {"cleanup", "--dry-run", "--state-dir", p.state[1]}} {
		if r := p.ctl(t, 1, args...); r.Code != 0 || strings.Contains(r.Stderr, "note:") || args[0] == "lookup" && !strings.Contains(r.Stdout, zone) {
			t.Errorf("%q on the gateway that took over: exit %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	var past []struct{ Src string }
	must(t, json.Unmarshal([]byte(p.ctl(t, 1, "flows", "--past", "--format", "json").Stdout), &past))
	if len(past) != 0 {
		t.Errorf("flows that no policy here made: %+v", past)
	}
}

// Without conntrackd connections survive that any gateway would have made in the same way, if their client speaks first.
func TestPairWithoutSync(t *testing.T) {
	p := startPair(t, strings.NewReplacer("mode: nat", "scheduler: mh, mode: nat", "mode: fullnat", "scheduler: mh, mode: fullnat").Replace(pairPolicy), false)
	all := p.talk(t, 20)
	all.goOn(t)
	all.hold()
	must(t, p.Unplug(0, "wan", "lan", "rs", "sync"))
	p.becomes(t, 1, "primary")
	all.release()
	all.survive(t, "without sync")
}
