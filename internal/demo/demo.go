package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// demo is one showing.
type demo struct {
	*score
	snatctl    string // path of the binary
	policyFile string

	world *nstest.World
	dir   string          // the gateway's working directory, where the policy lies
	shown map[string]bool // lines of the last diff, which apply repeats
	bytes int64           // of the transfer
}

// edit is a change of the policy.
type edit struct{ old, new, why string }

const picture = `
 office 10.1.5.9 ──────┐           ┌── wan0 ──┐
 guests 10.2.5.9 ──────┤  gateway  ├── wan1 ──┴─ outside 8.8.8.8, 9.9.9.9
 lab    10.66.5.9 ─────┘     │
                  rs1  rs2  rs3  192.168.1.1 to .3
`

// edits turn the example into the policy of the second half. It must contain each old text.
var edits = []edit{
	{`real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]`, `real_servers: [{address: 192.168.1.1, weight: 0}, 192.168.1.2, 192.168.1.3, "fd05::1"]`, "rs1 is drained, rs3 joins"},
	{`{name: quarantine, from: 10.66.0.0/16, action: reject}`, `{name: quarantine, from: [10.66.0.0/16, 10.2.5.9], action: reject}`, "one guest goes into quarantine"},
	{`office: [198.51.100.1-198.51.100.2, 198.51.100.9, "2001:db8:99::1"]`, `office: [198.51.100.40, "2001:db8:99::1"]`, "the office gets another address"},
}

func (d *demo) run(ctx context.Context) error {
	if err := d.build(); err != nil {
		return err
	}
	policy, err := d.showPolicy()
	if err != nil {
		return err
	}
	if err := d.first(ctx); err != nil {
		return err
	}
	if policy, err = d.second(ctx, policy); err != nil {
		return err
	}
	if err := d.third(ctx, policy); err != nil {
		return err
	}
	return d.fourth(ctx)
}

// build makes the world and starts the servers that answer in it.
func (d *demo) build() (err error) {
	d.title(1, "A small world of network namespaces")
	start := time.Now()
	if d.world, err = nstest.Create(nstest.Options{}); err != nil {
		return fmt.Errorf("create network namespaces (needs root): %w", err)
	}
	for _, rs := range d.world.RS {
		for _, port := range []string{":80", ":5353"} {
			if err := serve(rs, port); err != nil {
				return err
			}
		}
	}
	for _, addr := range []string{"8.8.8.8:443", "9.9.9.9:443", "[2001:db8:8::8]:443"} {
		if err := serve(d.world.Outside, addr); err != nil {
			return err
		}
	}
	d.indented(strings.Trim(picture, "\n"))
	d.say("\n   Made in %d ms. Every server answers with its name and the address from which it was called.", time.Since(start).Milliseconds())
	return nil
}

func serve(h *nstest.Host, addr string) error {
	if err := h.ServeTCP(addr); err != nil {
		return err
	}
	return h.ServeUDP(addr)
}

func (d *demo) showPolicy() (string, error) {
	d.title(2, "The policy: one file")
	b, err := os.ReadFile(d.policyFile)
	if err != nil {
		return "", err
	}
	if d.dir, err = os.MkdirTemp("", "snatctl-demo-"); err != nil {
		return "", err
	}
	os.Setenv("STATE_DIRECTORY", filepath.Join(d.dir, "state")) // not the history of this machine
	d.command("cat policy.yaml", string(b))
	return string(b), os.WriteFile(filepath.Join(d.dir, "policy.yaml"), b, 0o644)
}

// first applies the policy to an empty kernel and calls around.
func (d *demo) first(ctx context.Context) error {
	d.title(3, "What it would change, and the change")
	if err := d.tool(ctx, 1, "diff"); err != nil {
		return err
	}
	if err := d.tool(ctx, 0, "apply"); err != nil {
		return err
	}
	d.title(4, "Real traffic")
	w := d.world
	const office, guests, pool = "198.51.100.1 198.51.100.2 198.51.100.9", "198.51.100.16/28", "192.168.2.250 192.168.2.251 192.168.2.252 192.168.2.253"
	return d.calls(ctx,
		call{w.Office, "tcp", "", "8.8.8.8:443", "outside", office, "zone office"},
		call{w.Office, "udp", "", "9.9.9.9:443", "outside", office, "zone office, the other uplink: same address"},
		call{w.Office, "tcp", "10.1.200.77", "8.8.8.8:443", "outside", office, "zone office, another source"},
		call{w.Office, "tcp", "", "[2001:db8:8::8]:443", "outside", "2001:db8:99::1", "zone office, IPv6"},
		call{w.Guests, "tcp", "", "8.8.8.8:443", "outside", guests, "zone everyone"},
		call{w.Lab, "tcp", "", "8.8.8.8:443", "nobody", "", "zone quarantine"},
		call{w.Lab, "udp", "", "9.9.9.9:443", "nobody", "", "zone quarantine"},
		call{w.Office, "tcp", "", "203.0.113.10:80", "rs1", "10.1.5.9", "service web: NAT keeps the client"},
		call{w.Guests, "tcp", "", "203.0.113.10:80", "rs2", "10.2.5.9", "service web: rs2 has its turn"},
		call{w.Outside, "tcp", "8.8.8.8", "203.0.113.10:80", "rs1", "8.8.8.8", "service web, from outside"},
		call{w.Guests, "tcp", "", "[2001:db8::10]:80", "rs1", "fd02::9", "service web, IPv6"},
		call{w.Office, "udp", "", "203.0.113.10:53", "rs3", pool, "service dns: FULLNAT shows a laddr"},
		call{w.Outside, "tcp", "9.9.9.9", "203.0.113.10:53", "rs3", pool, "service dns, from outside"},
		call{w.Gateway, "tcp", "", "8.8.8.8:443", "outside", "192.0.2.2", "the gateway's own: no zone applies"},
	)
}

// second changes the policy while a transfer goes on, and calls around again.
func (d *demo) second(ctx context.Context, policy string) (string, error) {
	w := d.world
	d.title(5, "A change during two transfers")
	stream, err := w.Office.OpenStream("", "203.0.113.10:80")
	for err == nil && stream.Answer.Host != "rs1" { // the server that is drained below
		stream.Close()
		stream, err = w.Office.OpenStream("", "203.0.113.10:80")
	}
	if err != nil {
		return "", fmt.Errorf("start the transfer: %w", err)
	}
	zone, err := w.Guests.OpenStream("", "8.8.8.8:443")
	if err != nil {
		return "", fmt.Errorf("start the transfer: %w", err)
	}
	d.say("   Two transfers start, each of numbered bytes there and back, every one checked:")
	d.say("   office from %s through the service web, and guests from outside through their zone.\n", stream.Answer.Host)

	if policy, err = d.edit(policy, edits...); err != nil {
		return "", err
	}
	d.say("")
	if err := d.tool(ctx, 1, "diff"); err != nil {
		return "", err
	}
	if err := wait(ctx, time.Second); err != nil {
		return "", err
	}
	before := stream.Bytes() + zone.Bytes()
	if err := d.tool(ctx, 0, "apply"); err != nil {
		return "", err
	}
	if err := d.tool(ctx, 0, "diff"); err != nil {
		return "", err
	}
	if err := wait(ctx, time.Second); err != nil {
		return "", err
	}
	for _, s := range []*nstest.Stream{stream, zone} {
		d.check(s.Alive())
		d.check(s.Close())
	}
	d.bytes = stream.Bytes() + zone.Bytes()
	if d.failed == 0 {
		d.say("   The transfers: %d bytes before the change, %d since: in order, none lost, no connection broken.", before, d.bytes-before)
	}

	d.title(6, "The same calls after the change")
	return policy, d.calls(ctx,
		call{w.Office, "tcp", "", "8.8.8.8:443", "outside", "198.51.100.40", "zone office: its new address"},
		call{w.Guests, "tcp", "", "8.8.8.8:443", "nobody", "", "in quarantine now (its old transfer went on)"},
		call{w.Guests, "tcp", "10.2.200.1", "8.8.8.8:443", "outside", "198.51.100.16/28", "zone everyone: another guest"},
		call{w.Office, "tcp", "", "203.0.113.10:80", "rs2 rs3", "10.1.5.9", "service web without rs1"},
		call{w.Office, "tcp", "", "203.0.113.10:80", "rs2 rs3", "10.1.5.9", "service web without rs1"},
		call{w.Guests, "tcp", "", "203.0.113.10:80", "rs2 rs3", "10.2.5.9", "services come before zones"},
		call{w.Office, "udp", "", "203.0.113.10:53", "rs3", "192.168.2.250 192.168.2.251 192.168.2.252 192.168.2.253", "service dns, as before"},
	)
}

// edit changes the policy's file, and says what and why.
func (d *demo) edit(policy string, edits ...edit) (string, error) {
	for _, e := range edits {
		if !strings.Contains(policy, e.old) {
			return "", fmt.Errorf("%s is not the example that this demo is written for: it lacks %q", d.policyFile, e.old)
		}
		policy = strings.Replace(policy, e.old, e.new, 1)
		d.say("   In policy.yaml %s:", e.why)
		d.indented("  - " + e.old + "\n  + " + e.new)
	}
	return policy, os.WriteFile(filepath.Join(d.dir, "policy.yaml"), []byte(policy), 0o644)
}

// tool runs a command of snatctl on the gateway, shows it, and checks its exit status.
func (d *demo) tool(ctx context.Context, code int, command string) error {
	r, err := d.world.Gateway.Run(ctx, d.snatctl, command, "-f", filepath.Join(d.dir, "policy.yaml"))
	if err != nil {
		return err
	}
	d.command("snatctl "+command+" -f policy.yaml", d.news(strings.ReplaceAll(r.Stdout+r.Stderr, d.dir+"/", ""), command == "diff"))
	d.say("")
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Code != code {
		return fmt.Errorf("snatctl %s exits %d, want %d", command, r.Code, code)
	}
	d.passed++
	return nil
}

// news cuts the lines that the last diff has shown already, and the ends of very long ones.
func (d *demo) news(output string, isDiff bool) string {
	const width = 140
	var b strings.Builder
	shown, repeated := map[string]bool{}, 0
	for line := range strings.Lines(output) {
		if isDiff {
			shown[line] = true
		} else if d.shown[line] {
			repeated++
			continue
		}
		if repeated > 0 {
			fmt.Fprintf(&b, "(the %d lines that diff showed)\n", repeated)
			repeated = 0
		}
		if r := []rune(line); len(r) > width {
			line = string(r[:width-1]) + "…\n"
		}
		b.WriteString(line)
	}
	d.shown = shown
	return b.String()
}

// calls makes the calls in turn and prints how they went.
func (d *demo) calls(ctx context.Context, calls ...call) error {
	var rows []result
	for _, c := range calls {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := c.make()
		rows = append(rows, r)
		if r.ok {
			d.passed++
		} else {
			d.failed++
		}
	}
	d.screen.calls(rows)
	return nil
}

// wait lets the transfers run for a while.
func wait(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

// summary says what was proved and tells whether all of it was.
func (d *demo) summary() bool {
	if d.failed > 0 {
		d.verdict(false, fmt.Sprintf("%d of %d checks failed.", d.failed, d.passed+d.failed))
		return false
	}
	d.verdict(true, fmt.Sprintf("All %d checks passed: every call went where the policy says, before and after the change,\na real server that died got no call any more, a call outlived its uplink, and %d transferred bytes came through it in order.", d.passed, d.bytes))
	return true
}

func (d *demo) cleanUp() {
	if d.world != nil {
		d.world.Close()
	}
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}
