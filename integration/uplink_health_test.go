package integration

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// watchedUplinks is a policy with two uplinks that are asked twice a second, by ICMP and by TCP.
const watchedUplinks = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: [192.0.2.1, "2001:db8:2::1"], check: {type: icmp, targets: [8.8.8.1, "2001:db8:8::8"], interval: 500ms, timeout: 400ms, rise: 3, fall: 2}}
    isp2: {interface: wan1, gateway: [198.18.1.1, "2001:db8:3::1"], check: {type: tcp, targets: ["9.9.9.1:80"], interval: 500ms, timeout: 400ms, rise: 3, fall: 2}}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
`

// twoWays is a world with two uplinks that have routers, and an agent that watches them.
type twoWays struct {
	*nstest.World
	nstest.Routers
	agent *agentRun
}

func startTwoWays(t *testing.T, policy string) *twoWays {
	t.Helper()
	w := &twoWays{World: nstest.New(t, nstest.Options{RealServers: 1})}
	var err error
	w.Routers, err = w.AddRouters(t.Context())
	must(t, err)
	must(t, w.World.Outside.ServeTCP("0.0.0.0:80"))
	w.agent = runAgent(t, w.Gateway, policy)
	w.await(t, "isp1", "up")
	w.await(t, "isp2", "up")
	return w
}

type uplinkStatus struct {
	Name, State string
	Since       *time.Time `json:"since"`
	LastCheck   *time.Time `json:"last_check"`
	Error       *string    `json:"error"`
	Kept        bool
	Override    *struct{ Kind string }
	Targets     []struct{ Address, Health string }
}

func (w *twoWays) status(t *testing.T, name string) (found uplinkStatus) {
	t.Helper()
	var s struct{ Uplinks []uplinkStatus }
	must(t, json.Unmarshal([]byte(prints(t, w.Gateway, "status", "--format", "json")), &s))
	for _, u := range s.Uplinks {
		if u.Name == name {
			return u
		}
	}
	t.Fatalf("status knows no uplink %s: %+v", name, s.Uplinks)
	return found
}

// await waits until an uplink is in a state; up only where a target has been asked.
func (w *twoWays) await(t *testing.T, name, state string) (u uplinkStatus) {
	t.Helper()
	eventually(t, name+" to be "+state, func() bool {
		u = w.status(t, name)
		return u.State == state && (state != "up" || u.Targets[0].Health == "up")
	})
	return u
}

// An uplink dies, in both ways, and is down: at once where its link goes down, else after its check has failed.
// The next agent knows that. It is up again only after it has answered some times in a row.
func TestUplinkHealth(t *testing.T) {
	t.Parallel()
	w := startTwoWays(t, watchedUplinks)
	ctx := t.Context()
	for i, how := range []struct {
		name   string
		router int
		die    func(int) error
		rise   func(int) error
		reason string
	}{
		{"link down", 0, func(i int) error { return w.Cut(ctx, i) }, func(i int) error { return w.Splice(ctx, i) }, "no carrier"},
		{"nothing behind it answers", 0, func(i int) error { return w.Mute(ctx, i) }, func(i int) error { return w.Unmute(ctx, i) }, "no answer in 400ms"},
		{"nothing behind the other answers", 1, func(i int) error { return w.Mute(ctx, i) }, func(i int) error { return w.Unmute(ctx, i) }, "no answer in 400ms"},
	} {
		name, other := []string{"isp1", "isp2"}[how.router], []string{"isp2", "isp1"}[how.router]
		began := time.Now()
		must(t, how.die(how.router))
		eventually(t, name+" to be down", func() bool { return len(w.agent.logged("uplink_down")) == i+1 })
		t.Logf("%s: the agent says so after %v", how.name, time.Since(began).Round(time.Millisecond))
		u := w.status(t, name)
		if u.State != "down" || u.Since == nil || u.LastCheck == nil || u.Error == nil || !strings.Contains(*u.Error, how.reason) || u.Kept {
			t.Errorf("%s: status says %+v, %v", how.name, u, u.Error)
		}
		if o := w.status(t, other); o.State != "up" {
			t.Errorf("%s: of the other status says %+v", how.name, o)
		}
		if check := ctl(t, w.Gateway, "status", "--check"); check.Code == 0 || !strings.Contains(check.Stdout, "uplink "+name) {
			t.Errorf("%s: status --check: %d %s", how.name, check.Code, check.Stdout)
		}
		time.Sleep(time.Second) // within which it has written down what the next agent has to know
		w.agent.kill()
		w.agent.start(t)
		if u := w.status(t, name); u.State != "down" {
			t.Errorf("%s: the next agent says %+v", how.name, u)
		}
		back := time.Now()
		must(t, how.rise(how.router))
		w.await(t, name, "up")
		if early := time.Since(back); early < time.Second { // three checks in a row, one each 500 ms
			t.Errorf("%s: it is up again after %v", how.name, early)
		}
	}
}

// Who takes an uplink out by hand is obeyed, also by the next agent. Without any that is up connections stay
// where they are, and that is said.
func TestUplinkByHand(t *testing.T) {
	t.Parallel()
	w := startTwoWays(t, watchedUplinks)
	r := ctl(t, w.Gateway, "uplink", "drain", "isp1", "--for", "1h")
	if r.Code != 0 || !strings.Contains(r.Stdout, "uplink isp1 (wan0): drained") {
		t.Fatalf("drain: %d %s%s", r.Code, r.Stdout, r.Stderr)
	}
	w.agent.kill()
	w.agent.start(t)
	if u := w.status(t, "isp1"); u.State != "drained" || u.Override == nil || u.Override.Kind != "drain" {
		t.Errorf("the next agent says %+v", u)
	}
	must(t, w.Mute(t.Context(), 1))
	if u := w.await(t, "isp2", "down"); !u.Kept {
		t.Errorf("no other uplink takes connections, and status says %+v", u)
	}
	eventually(t, "the log to say that all are down", func() bool { return len(w.agent.logged("uplinks_lost")) == 1 })
	if check := ctl(t, w.Gateway, "status", "--check"); check.Code != 2 {
		t.Errorf("status --check: %d %s", check.Code, check.Stdout)
	}
	if r := ctl(t, w.Gateway, "uplink", "reset", "isp1"); r.Code != 0 || !strings.Contains(r.Stdout, "uplink isp1 (wan0): up") {
		t.Errorf("reset: %d %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if u := w.status(t, "isp2"); u.Kept {
		t.Errorf("another uplink is up, and status says %+v", u)
	}
	if r := ctl(t, w.Gateway, "uplink", "down", "isp9"); r.Code != 1 || !strings.Contains(r.Stderr, `no uplink "isp9"`) {
		t.Errorf("an uplink that there is not: %d %s", r.Code, r.Stderr)
	}
}
