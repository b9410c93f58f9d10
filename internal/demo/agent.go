package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// checked turns the policy of the second half into the one that the agent keeps.
var checked = edit{
	`real_servers: [{address: 192.168.1.1, weight: 0}, 192.168.1.2, 192.168.1.3, "fd05::1"]`,
	"real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]\n    health_check: {type: tcp, interval: 500ms, timeout: 250ms, fall: 2, rise: 2}",
	"rs1 is back, and the agent shall connect to each real server twice a second",
}

// web4 is the service without its IPv6 VIP, which has no real server any more.
var web4 = edit{`vip: [203.0.113.10, "2001:db8::10"]`, `vip: 203.0.113.10`, "the IPv6 address of web goes, to keep this short"}

// agentPatience is how long the agent may take to say something.
const agentPatience = 15 * time.Second

// third pulls the cable of a real server while clients call, and puts it in again.
func (d *demo) third(ctx context.Context, policy string) error {
	d.title(7, "A real server dies under load")
	if _, err := d.edit(policy, web4, checked); err != nil {
		return err
	}
	agent, err := d.startAgent(ctx, "policy.yaml")
	if err != nil {
		return err
	}
	defer func() {
		if err := agent.End(); err != nil {
			fmt.Fprintln(os.Stderr, "demo: the agent:", err)
		}
	}()
	web := startLoad(calling(d.world.Office, "203.0.113.10:80"))
	defer web.stop()
	if err := wait(ctx, 1500*time.Millisecond); err != nil {
		return err
	}
	if err := d.status(ctx, "web", "down:", "service web"); err != nil {
		return err
	}
	rs := d.world.RS[2]
	for _, s := range []struct {
		what  string
		do    func(*nstest.Host) error
		until string // of the agent's log
	}{
		{"The cable of rs3 is pulled, while the office makes 50 calls a second.", d.world.Unplug, "server_down"},
		{"The cable of rs3 is put in again.", d.world.Plug, "server_up"},
	} {
		d.say("   %s", s.what)
		web.next()
		began := time.Now()
		if err := s.do(rs); err != nil {
			return err
		}
		if _, err := agent.Hear(ctx, agentPatience, "msg="+s.until); err != nil {
			return err
		}
		before, took := web.next(), time.Since(began)
		if err := wait(ctx, 1500*time.Millisecond); err != nil {
			return err
		}
		after := web.next()
		if err := wait(ctx, settled); err != nil {
			return err
		}
		d.say("   The agent said %s after %.1f s. Calls until then: %s.\n   Calls of the next 1.5 s: %s.\n", s.until, took.Seconds(), before, after)
		d.wants(after[""] == 0, "%d calls failed after the agent's word", after[""])
		d.wants((after[rs.Name] > 0) == (s.until == "server_up"), "%s answered %d calls", rs.Name, after[rs.Name])
		if err := d.status(ctx, "web", "down:", "service web"); err != nil {
			return err
		}
	}
	return nil
}

// status shows the parts of `snatctl status` that begin with some words, with their indented lines.
func (d *demo) status(ctx context.Context, of string, words ...string) error {
	out, err := d.world.Gateway.Output(ctx, d.snatctl, "status")
	if err != nil {
		return err
	}
	var b strings.Builder
	inside := false
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, " ") {
			inside = slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(line, w) })
		}
		if inside {
			b.WriteString(line)
		}
	}
	d.command("snatctl status     (what it says of "+of+")", b.String())
	d.say("")
	return nil
}

// startAgent starts an agent on the gateway, and waits until its policy is in force.
func (d *demo) startAgent(ctx context.Context, file string) (*nstest.Speaker, error) {
	agent, err := d.world.Gateway.Speak(d.snatctl, "agent", "-f", filepath.Join(d.dir, file), "--socket", filepath.Join(d.dir, "agent.sock"))
	if err != nil {
		return nil, err
	}
	d.command("snatctl agent -f "+file+" &", "")
	if _, err := agent.Hear(ctx, agentPatience, "msg=policy_applied"); err != nil {
		agent.Stop()
		return nil, err
	}
	return agent, nil
}
