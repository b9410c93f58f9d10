package view

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// checked is what `status --check` prints of what an agent knows.
func checked(k *report.Kept) []string {
	s := gateway.Survey{Dead: KnownProblems(k)}
	var b bytes.Buffer
	Check(plain.NewWriter(&b, false), s, k)
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// Everything that an agent knows and that somebody should look at is a problem, the critical ones first.
func TestCheckKept(t *testing.T) {
	now := time.Now()
	at := func(s, health string) agent.Server {
		return agent.Server{Address: netip.MustParseAddrPort(s), Health: health, LastChange: now}
	}
	fine := func() *report.Kept {
		return &report.Kept{Services: map[string]agent.Service{"web": {Name: "web", Quorum: agent.Quorum{Need: 1, Up: 2, Met: true},
			Servers: []agent.Server{at("192.168.1.1:80", "up"), at("192.168.1.2:80", "up")}}, "none": {Name: "none"}}}
	}
	const perf = " servers=2 servers_down=0;0;;0;2 quorum_lost=0;;0;0;2 drift_standing=0;;0;0 drift_repairs=0c"
	for _, c := range []struct {
		name   string
		change func(*report.Kept)
		want   string // what the first line begins with
	}{
		{"fine", func(*report.Kept) {}, "OK: no problems; "},
		{"down", func(k *report.Kept) {
			s := k.Services["web"]
			s.Servers[1].Health = "down"
			k.Services["web"] = s
		}, "WARNING: service web: real server 192.168.1.2:80 is down since "},
		{"quorum", func(k *report.Kept) {
			k.Services["web"] = agent.Service{Name: "web", Closed: true, Quorum: agent.Quorum{Need: 3, Up: 2}, Servers: fine().Services["web"].Servers}
		}, "CRITICAL: service web: it takes no new connections: 2 of the 3 that its quorum asks for are up; "},
		{"refused", func(k *report.Kept) { k.Agent.Policy.Error = "1 error" }, "WARNING: agent: a newer policy is refused: 1 error; "},
		{"incomplete", func(k *report.Kept) { k.Agent.Policy.Incomplete = "no route" }, "WARNING: agent: the policy is in force, but not all of it was done: no route; "},
		{"trial", func(k *report.Kept) { k.Agent.Trial = &agent.Trial{Until: now} }, "WARNING: agent: a policy is on trial until "},
		{"drift", func(k *report.Kept) { k.Agent.Drift.Standing = make([]tell.Change, 2) }, "CRITICAL: agent: the table differs from the policy, and is not repaired: 2 changes; "},
		{"files, changed now", func(k *report.Kept) { k.Agent.Policy.FilesModified = now.Add(-time.Minute) }, "OK: "},
		{"files", func(k *report.Kept) { k.Agent.Policy.FilesModified = now.Add(-time.Hour) }, "WARNING: agent: its files were changed at "},
		{"files of a policy that is refused", func(k *report.Kept) { k.Agent.Policy.FilesModified, k.Agent.Policy.Error = now.Add(-time.Hour), "no" }, "WARNING: agent: a newer policy is refused: no; "},
	} {
		k := fine()
		c.change(k)
		lines := checked(k)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], c.want) {
			t.Errorf("%s: %q, want %q", c.name, lines, c.want)
		}
		if c.name == "fine" && !strings.HasSuffix(lines[0], perf) {
			t.Errorf("it measures %s, want %s", lines[0], perf)
		}
	}
	if lines := checked(nil); strings.Contains(lines[0], "servers") {
		t.Errorf("of no agent it measures %s", lines[0])
	}
}

// Nothing but performance data stands behind a bar, on any line.
func TestCheckBars(t *testing.T) {
	for n := range 2 {
		k := &report.Kept{}
		k.Agent.Policy.Error = "a|b"
		if n == 1 {
			k.Agent.Policy.Incomplete = "c|d\n|x"
		}
		lines := checked(k)
		if strings.Count(strings.Join(lines, "\n"), "|") != 1 || len(lines) != 1+2*n {
			t.Errorf("%q", lines)
		}
	}
}

// Very many problems are cut off: the worst are there.
func TestCheckMany(t *testing.T) {
	k := &report.Kept{Services: map[string]agent.Service{}}
	for i := range 200 {
		name := fmt.Sprint("s", i)
		k.Services[name] = agent.Service{Name: name, Quorum: agent.Quorum{Met: true}, Servers: []agent.Server{{Health: "down"}}}
	}
	k.Agent.Drift.Standing = make([]tell.Change, 1)
	lines := checked(k)
	if len(lines) != 1+mostProblems+1 || !strings.HasPrefix(lines[0], "CRITICAL: 201 problems; ") || !strings.HasPrefix(lines[1], ct.Critical.String()) || lines[len(lines)-1] != "… and 151 more" {
		t.Errorf("%d lines:\n%s\n%s", len(lines), lines[0], lines[len(lines)-1])
	}
}
