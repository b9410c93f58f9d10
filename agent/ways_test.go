package agent

import (
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/policy"
)

func twoWays() *policy.Policy {
	check := &policy.UplinkCheck{Type: policy.CheckICMP, Targets: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:0"), netip.MustParseAddrPort("1.1.1.1:0")}}
	return &policy.Policy{Gateway: policy.Gateway{Uplinks: []string{"wan0", "wan1"}, RoutingTables: policy.Tables{First: 20000, Last: 20099}, Routed: []policy.Uplink{
		{Name: "isp1", Interface: "wan0", Weight: 1, Check: check}, {Name: "isp2", Interface: "wan1", Weight: 1}}}}
}

// withWays is an agent that remembers nothing, with the uplinks of a policy.
func withWays(t *testing.T, dir string, now time.Time) *Agent {
	t.Helper()
	a := &Agent{o: Options{StateDir: dir}, table: "edge"}
	if _, err := a.remember(now); err != nil {
		t.Fatal(err)
	}
	a.keeper.path = memoryFile(dir, "edge")
	a.tends = a.tend(twoWays(), now)
	return a
}

// stand has some uplinks down and all others up.
func (a *Agent) stand(now time.Time, down map[string]bool) bool {
	for _, w := range a.tends.ways {
		w.input.Override = balance.Override{}
		for i := range w.input.Targets {
			w.input.Targets[i] = balance.Up
		}
		if down[w.uplink.Name] {
			w.input.Override.Kind = balance.ForceDown
		}
		w.is = w.input.Stand(now)
		w.input.Down = w.is.Down
	}
	return a.tends.steer()
}

// The table is told which uplinks are down; but when the last one goes, too, nothing moves any more.
func TestSteered(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := withWays(t, t.TempDir(), now)
	for _, c := range []struct {
		down    []string
		changed bool
		state   string // the uplinks that the table takes for down
	}{
		{nil, false, ""},
		{[]string{"isp1"}, true, "isp1"},
		{[]string{"isp1", "isp2"}, false, "isp1"},
		{[]string{"isp1"}, false, "isp1"},
		{[]string{"isp1", "isp2"}, false, "isp1"},
		{[]string{"isp2"}, true, "isp2"},
		{nil, true, ""},
		{[]string{"isp1", "isp2"}, false, ""},
	} {
		down := map[string]bool{}
		for _, name := range c.down {
			down[name] = true
		}
		changed, state := a.stand(now, down), ""
		for name := range a.tends.state.Uplinks {
			state += name
		}
		if changed != c.changed || state != c.state || a.tends.allDown() != (len(c.down) == 2) {
			t.Errorf("with %v down: changed %t, state %q, all down %t", c.down, changed, state, a.tends.allDown())
		}
	}
	// The same policy read again changes nothing of that.
	a.stand(now, map[string]bool{"isp1": true})
	a.reroutes["isp1"] = balance.Override{Kind: balance.ForceDown}
	a.reroutes["isp2"] = balance.Override{Kind: balance.ForceDown}
	if s := a.tend(twoWays(), now); len(s.state.Uplinks) != 1 || !s.state.Uplinks["isp1"].Down {
		t.Errorf("read again, the state is %v", s.state.Uplinks)
	}
}

// What an agent knew of uplinks, and what an operator said of them, the next one knows, too.
func TestUplinkMemory(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now()
	a := withWays(t, dir, now)
	if len(a.tends.state.Uplinks) != 0 {
		t.Fatalf("from nothing it knows that %v are down", a.tends.state.Uplinks)
	}
	a.ups["isp1"] = up{Down: true, Since: now.Add(-time.Hour), Reason: "9.9.9.9: no answer in 1s", Left: true}
	a.reroutes["isp2"] = balance.Override{Kind: balance.Drain, Until: now.Add(time.Minute)}
	if err := a.keeper.write(a.memory()); err != nil {
		t.Fatal(err)
	}
	later := now.Add(30 * time.Second)
	b := withWays(t, dir, later)
	one, two := b.tends.ways[0], b.tends.ways[1]
	if !one.is.Down || one.reason != "9.9.9.9: no answer in 1s" || !one.left || later.Sub(one.since).Round(time.Second) != time.Hour+30*time.Second {
		t.Errorf("isp1 is %+v", one)
	}
	if !two.is.Spares || two.is.Next.Sub(later).Round(time.Second) != 30*time.Second {
		t.Errorf("isp2 is %+v", two.is)
	}
	for i, target := range b.tends.probes() {
		if target.Start.String() != "down" || target.Check.Via.Interface != "wan0" || target.Check.Via.Mark>>24 == 0 || target.Check.Via.Mark<<8 != 0 {
			t.Errorf("target %d begins as %s by %+v", i, target.Start, target.Check.Via)
		}
	}
	if state := Left(dir, "edge", twoWays()); !state.Uplinks["isp1"].Down {
		t.Errorf("it left %v", state.Uplinks)
	}
}
