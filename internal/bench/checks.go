package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// How the servers are checked, and how long a round looks at it once all are known.
const (
	checkEvery   = 2 * time.Second
	checkTimeout = time.Second
	checkRound   = 10 * time.Second
)

// checks lets one contender at a time connect to many servers again and again, from a gateway
// with the services that they belong to.
func (b *bench) checks(ctx context.Context) error {
	g, err := lab.NewGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	fleet := sample.Fleet{Services: b.size.checked / 4, Servers: 4}
	file, err := b.write("checked.yaml", fleet.Policy())
	if err != nil {
		return err
	}
	if _, err := g.Gateway.Output(ctx, b.snatctl, "apply", "-f", file); err != nil {
		return err
	}
	config, err := b.write("haproxy.cfg", haproxyConfig(fleet))
	if err != nil {
		return err
	}
	n := strconv.Itoa(b.size.checked)
	ours := &checker{what: "agent/health", argv: library("check", n)}
	theirs := &checker{what: "haproxy", argv: []string{"haproxy", "-db", "-f", config}}
	contenders := []*checker{ours, theirs}
	if _, err := exec.LookPath("haproxy"); err != nil {
		b.say("  without the rival: haproxy is not installed")
		contenders = contenders[:1]
	}
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		for _, c := range contenders {
			reason, err := c.round(ctx, g.Gateway, b.size.checked)
			if err != nil {
				return fmt.Errorf("%s: %w", c.what, err)
			}
			if reason != "" {
				b.say("    a check of %s failed: %s", c.what, reason)
			}
		}
	}
	b.addChecks(ours, theirs)
	return nil
}

func (b *bench) addChecks(ours, theirs *checker) {
	percent := func(s lab.Series) string { return fmt.Sprintf("%.0f %%", 100*s.Median()) }
	against := func(text string) string { return theirs.what + ": " + text }
	over := lab.Series.Over
	if len(theirs.cores) == 0 {
		against = func(string) string { return "" }
		over = func(lab.Series, lab.Series) lab.Series { return nil }
	}
	b.add(row{what: fmt.Sprintf("%d TCP checks every %s: of one core", b.size.checked, checkEvery), ours: percent(ours.cores), theirs: against(percent(theirs.cores)),
		ratio: over(ours.cores, theirs.cores), need: "< 1 core", ok: ours.cores.Median() < 1})
	b.add(row{what: "  CPU for each", ours: ours.cost.Seconds(), theirs: against(theirs.cost.Seconds()), ratio: over(ours.cost, theirs.cost)})
	b.add(row{what: "  connects made", ours: ours.rate.Rate(), theirs: against(theirs.rate.Rate())})
	b.add(row{what: "  peak memory", ours: ours.memory.Megabytes(), theirs: against(theirs.memory.Megabytes()), ratio: over(ours.memory, theirs.memory),
		need: "< 500 MB", ok: ours.memory.Median() < 500e6})
	b.add(row{what: "  the latest check begins late by", ours: ours.late.Seconds(), need: "< " + checkEvery.String(), ok: ours.late.Median() < checkEvery.Seconds()})
	b.add(row{what: "  failed checks, of servers that live", ours: ours.failed.Count(), need: "0", ok: ours.failed.Median() == 0})
}

// checker is a program that checks servers until it gets SIGTERM.
type checker struct {
	what string
	argv []string

	cores, cost  lab.Series // processors in use; CPU seconds of a connect
	rate, memory lab.Series // connects a second; bytes
	late, failed lab.Series // of programs that tell: seconds of the latest check, and how many failed
}

// round starts the program, waits until it has gone over all servers twice, and measures. It
// returns why a check failed, if the program tells.
func (c *checker) round(ctx context.Context, h *nstest.Host, servers int) (reason string, err error) {
	var said, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Stdout, cmd.Stderr = &said, &complaint
	if err := h.Do(cmd.Start); err != nil {
		return "", err
	}
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	if err := connects(ctx, h, 2*servers); err != nil {
		return "", errors.Join(err, fmt.Errorf("it says: %s", complaint.String()))
	}
	before, opened, start, err := snapshot(h, pid)
	if err != nil {
		return "", err
	}
	time.Sleep(checkRound)
	after, now, end, err := snapshot(h, pid)
	if err != nil {
		return "", err
	}
	memory, err := lab.PeakOf(pid)
	if err != nil {
		return "", err
	}
	wall, busy, count := end.Sub(start).Seconds(), (after - before).Seconds(), float64(now-opened)
	c.cores, c.cost = append(c.cores, busy/wall), append(c.cost, busy/count)
	c.rate, c.memory = append(c.rate, count/wall), append(c.memory, float64(memory))
	cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait() // haproxy exits with 130
	var late time.Duration
	var failed int
	if _, err := fmt.Sscan(said.String(), (*int64)(&late), &failed); err == nil {
		c.late, c.failed = append(c.late, late.Seconds()), append(c.failed, float64(failed))
		if w := strings.SplitN(said.String(), " ", 3); failed > 0 {
			reason = strings.TrimSpace(w[2])
		}
	}
	lab.Pause()
	return reason, nil
}

func snapshot(h *nstest.Host, pid int) (cpu time.Duration, opened int, at time.Time, err error) {
	if cpu, err = lab.CPUOf(pid); err == nil {
		opened, err = activeOpens(h)
	}
	return cpu, opened, time.Now(), err
}

// connects waits until a host has begun so many more TCP connections.
func connects(ctx context.Context, h *nstest.Host, n int) error {
	begin, err := activeOpens(h)
	for deadline := time.Now().Add(60 * time.Second); err == nil; time.Sleep(100 * time.Millisecond) {
		now, e := activeOpens(h)
		switch {
		case e != nil:
			err = e
		case now-begin >= n:
			return nil
		case time.Now().After(deadline) || ctx.Err() != nil:
			return fmt.Errorf("%d connects of %d", now-begin, n)
		}
	}
	return err
}

// activeOpens reads how many TCP connections a host has begun (RFC 4022, tcpActiveOpens).
func activeOpens(h *nstest.Host) (n int, err error) {
	err = h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			w := strings.Fields(line)
			if len(w) == 0 || w[0] != "Tcp:" {
				continue
			}
			if names == nil {
				names = w
				continue
			}
			for i, name := range names[:min(len(names), len(w))] {
				if name == "ActiveOpens" {
					n, err = strconv.Atoi(w[i])
					return err
				}
			}
		}
		return errors.New("/proc/net/snmp has no ActiveOpens")
	})
	return n, err
}

// haproxyConfig checks the servers of a fleet: a backend for each service. haproxy wants a
// frontend, too.
func haproxyConfig(f sample.Fleet) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, "global\n  no strict-limits\n  nbthread 1\n  maxconn 100\n  spread-checks 5\n")
	fmt.Fprintf(&b, "defaults\n  mode tcp\n  timeout connect %[1]dms\n  timeout check %[1]dms\n  timeout client 10s\n  timeout server 10s\n", checkTimeout.Milliseconds())
	fmt.Fprint(&b, "frontend none\n  bind 127.0.0.1:1\n")
	for i := range f.Services {
		fmt.Fprintf(&b, "backend svc-%d\n", i)
		for k, s := range f.ServersOf(i) {
			fmt.Fprintf(&b, "  server s%d %s:80 check inter %dms rise 2 fall 3\n", k, s, checkEvery.Milliseconds())
		}
	}
	return b.Bytes()
}
