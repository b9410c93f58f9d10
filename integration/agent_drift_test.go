package integration

import (
	"os"
	"strings"
	"testing"
	"time"
)

// What others change in the table is noticed within a second, reported by its object, and repaired.
// Changes of other tables are none of it.
func TestAgentDrift(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small)
	for i, c := range []struct{ script, object string }{
		{"delete element inet snatctl zones4 { 10.1.0.0/16 }", "zone office"},
		{"add rule inet snatctl zones drop", "gateway snatctl"},
		{"delete table inet snatctl", "service web"},
		{"flush ruleset", "service web"},
	} {
		nft(t, h, c.script)
		start := time.Now()
		a.fits(t, small)
		t.Logf("%s: repaired after %v at most", c.script, time.Since(start).Round(time.Millisecond))
		eventually(t, "the repair to be counted", func() bool { return a.snapshot(t).Drift.Repairs == uint64(i+1) })
		s := a.snapshot(t)
		found := false
		for _, change := range s.Drift.Changes {
			found = found || string(change.Kind)+" "+change.Name == c.object
		}
		if !found || !strings.Contains(strings.Join(a.logged("drift_found"), ""), `object="`+c.object+`"`) {
			t.Errorf("%s is reported as %v", c.script, s.Drift.Changes)
		}
		if s.Drift.Until.IsZero() != (i == 0) && time.Since(s.Drift.Last) < time.Second && s.Drift.Repairs == 0 {
			t.Errorf("%+v", s.Drift)
		}
	}
	found := a.snapshot(t).Drift.Found
	nft(t, h, "add table inet other; add chain inet other mine; add rule inet other mine accept")
	time.Sleep(time.Second)
	if now := a.snapshot(t).Drift.Found; now != found {
		t.Errorf("another table is drift: found %d times, before %d", now, found)
	}
}

// --no-repair reports drift and leaves it, also when services change beside it; what its maker takes back is
// gone.
func TestAgentNoRepair(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small, "--no-repair")
	nft(t, h, "add rule inet snatctl zones drop")
	eventually(t, "the drift to be found", func() bool { return len(a.snapshot(t).Drift.Standing) > 0 })
	time.Sleep(time.Second)
	if s := a.snapshot(t); s.Drift.Found != 1 || s.Drift.Repairs != 0 || !strings.Contains(exact(t, h), "\t\tdrop\n") {
		t.Errorf("%+v\n%s", s.Drift, exact(t, h))
	}
	if r := run(t, h, program(t), "server", "down", "web", "192.168.1.1"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	eventually(t, "the service to lose its slot", func() bool { return !strings.Contains(exact(t, h), ": 192.168.1.1 . 80") })
	time.Sleep(time.Second)
	if s := a.snapshot(t); s.Drift.Found != 1 || s.Drift.Repairs != 0 || len(s.Drift.Standing) == 0 || !strings.Contains(exact(t, h), "\t\tdrop\n") {
		t.Errorf("when a server went down beside it: %+v\n%s", s.Drift, exact(t, h))
	}
	if r := run(t, h, program(t), "server", "reset", "web", "192.168.1.1"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	if r := run(t, h, program(t), "agent", "status"); r.Code != 1 || !strings.Contains(r.Stdout, "NOT REPAIRED") {
		t.Errorf("agent status exits %d:\n%s", r.Code, r.Stdout)
	}
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	a.fits(t, small)
	if s := a.snapshot(t); len(s.Drift.Standing) > 0 {
		t.Errorf("repaired by apply, it stands: %+v", s.Drift)
	}
}

// Against a program that undoes every repair an agent does not fight without end: it waits longer each
// time, says so, and repairs the table when the other is gone.
func TestAgentFight(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small)
	writer := start(t, h, nil, "sh", "-c", "while :; do nft flush chain inet snatctl zones; sleep 0.05; done")
	begun := time.Now()
	var repairs int
	eventually(t, "three repairs", func() bool { repairs = int(a.snapshot(t).Drift.Repairs); return repairs >= 3 })
	took := time.Since(begun)
	writer.end(t, os.Kill)
	if took < 2*time.Second { // at once, after 1 s, after 2 s more
		t.Errorf("%d repairs in %v", repairs, took)
	}
	if len(a.logged("drift_fight")) == 0 {
		t.Error("it does not say that somebody fights")
	}
	a.fits(t, small)
}
