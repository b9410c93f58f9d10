package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// apply beside an agent, with its files, has it applied by the agent, and reports and exits as always.
func TestApplyBesideAgent(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small, "--no-watch")
	if r := a.ctl(t, "apply"); r.Code != 0 || r.Stdout != "no difference: table inet snatctl is as the policy says\n" || r.Stderr != "" {
		t.Errorf("apply of the same exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	a.write(t, changed)
	want := ctl(t, h, "diff", "-f", a.file)
	if want.Code != 1 {
		t.Fatalf("diff exits %d: %s", want.Code, want.Stderr)
	}
	r := a.ctl(t, "apply", "--timings")
	if r.Code != 0 || !strings.Contains(r.Stderr, `"commit_s":0.`) || strings.ReplaceAll(r.Stdout, "\nchanged", "\nwould change") != want.Stdout {
		t.Errorf("apply exits %d\n%s%s\nwant\n%s", r.Code, r.Stdout, r.Stderr, want.Stdout)
	}
	a.fits(t, changed)
	if s := a.snapshot(t); s.Policy.Applied["applied"] != 2 {
		t.Errorf("the agent did not do it: %v", s.Policy.Applied)
	}
	if r := a.ctl(t, "history"); strings.Count(r.Stdout, " apply ")+strings.Count(r.Stdout, "apply\n") == 0 {
		t.Errorf("the history has no apply:\n%s", r.Stdout)
	}
	if r := ctl(t, h, "cleanup"); r.Code != 0 || r.Stdout != "no connection contradicts table inet snatctl\n" {
		t.Errorf("cleanup exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	a.write(t, changed+" nonsense\n")
	if r := a.ctl(t, "apply"); r.Code != 1 || !strings.Contains(r.Stderr, a.file+":") {
		t.Errorf("apply of a broken policy exits %d\n%s", r.Code, r.Stderr)
	}
	a.write(t, small)
	if r := a.ctl(t, "apply", "--format", "json"); r.Code != 0 || !strings.HasPrefix(r.Stdout, `{"changes":[`) && !strings.HasPrefix(r.Stdout, "{\n") {
		t.Errorf("apply as JSON exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// What is not the agent's changes nothing, names the agent, and exits 6; --take-over ends the agent.
func TestOthersBesideAgent(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small)
	before := exact(t, h)
	other := policyFile(t, changed)
	agent := fmt.Sprintf("agent (process %d", a.cmd.Process.Pid)
	for _, args := range [][]string{
		{"apply", "-f", other, "--state-dir", a.state},
		{"apply", "-f", other, "--state-dir", a.state, "--confirm", "10s"},
		{"rollback", "0", "--state-dir", a.state},
		{"boot", "--state-dir", a.state},
		{"flush"},
		{"agent", "-f", other, "--socket", a.socket + "2", "--state-dir", a.state},
	} {
		if r := ctl(t, h, args...); r.Code != 6 || !strings.Contains(r.Stderr, agent) || !strings.Contains(r.Stderr, "nothing was changed") {
			t.Errorf("%v exits %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	if exact(t, h) != before {
		t.Error("the table is changed")
	}
	if r := ctl(t, h, "apply", "-f", other, "--state-dir", a.state, "--take-over"); r.Code != 0 {
		t.Fatalf("apply --take-over exits %d\n%s", r.Code, r.Stderr)
	}
	a.ends(t, 0, 0)
	a.fits(t, changed)
	a.start(t)
	a.fits(t, small)
	if r := ctl(t, h, "flush", "--take-over"); r.Code != 0 {
		t.Fatalf("flush --take-over exits %d\n%s", r.Code, r.Stderr)
	}
	a.ends(t, 0, 0)
	if got := exact(t, h); got != "" {
		t.Errorf("flush leaves\n%s", got)
	}
}

// A trial beside an agent is confirmed, ends in time, is interrupted, or is taken back when the agent
// ends, as without one. What was not confirmed is not applied again by itself.
func TestConfirmBesideAgent(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small, "--no-watch")
	ask := func(limit string) *trial {
		t.Helper()
		a.write(t, changed)
		return beginIn(t, h, false, a.file, limit, "--state-dir", a.state)
	}
	for _, c := range []struct {
		name string
		end  func(*trial)
		code int
		says string
	}{
		{"in time", func(*trial) {}, 5, "nobody confirmed within 5s"},
		{"interrupted", func(p *trial) { must(t, p.cmd.Process.Signal(syscall.SIGINT)) }, 5, "interrupted"},
	} {
		limit := "5s" // a slow machine looks at the table for seconds
		if c.code == 5 && c.says == "interrupted" {
			limit = "60s"
		}
		before := exact(t, h)
		p := ask(limit)
		if exact(t, h) == before {
			t.Errorf("%s: nothing is on trial", c.name)
		}
		if s := a.snapshot(t); s.Trial == nil {
			t.Errorf("%s: the agent knows of no trial", c.name)
		}
		c.end(p)
		p.ends(t, c.code)
		if exact(t, h) != before || !strings.Contains(p.printed(), c.says) {
			t.Errorf("%s: it is\n%s\n%s", c.name, exact(t, h), p.printed())
		}
		eventually(t, "the agent to know", func() bool { return a.snapshot(t).Policy.Error != "" })
	}
	time.Sleep(time.Second)
	a.fits(t, small)
	p := ask("60s")
	if r := ctl(t, h, "confirm"); r.Code != 0 {
		t.Errorf("confirm exits %d: %s", r.Code, r.Stderr)
	}
	p.ends(t, 0)
	a.fits(t, changed)
	eventually(t, "the agent to know", func() bool { s := a.snapshot(t); return s.Trial == nil && s.Policy.Error == "" })

	a.write(t, small)
	p = beginIn(t, h, false, a.file, "60s", "--state-dir", a.state)
	a.ends(t, syscall.SIGTERM, 0)
	p.ends(t, 5)
	a.fits(t, changed)
	a.start(t) // its files are still what nobody confirmed
	a.fits(t, changed)
	if s := a.snapshot(t); !strings.Contains(s.Policy.Error, "not confirmed") {
		t.Errorf("started again: %+v", s.Policy)
	}
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Errorf("apply exits %d: %s", r.Code, r.Stderr)
	}
	a.fits(t, small)
}
