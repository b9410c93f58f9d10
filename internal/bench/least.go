package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

// What least connections has to bring together, and when that is looked at: the mean of all looks
// is what a round measures.
const (
	leastBefore = 10 * time.Second
	leastFor    = 2 * time.Second
	leastLook   = 50 * time.Millisecond
	leastRate   = 1000 // calls a second
	quickLasts  = 500 * time.Millisecond
	slowLasts   = 10 * quickLasts
	haproxyAt   = "10.1.0.1:80"
	leastVIP    = "203.0.113.1:80"
	leastPolicy = "version: 1\nservices:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, scheduler: lc, real_servers: [192.168.1.1, 192.168.1.2]}\n"
	leastRounds = 3 // at most; each takes 25 s
)

// least calls two real servers of which one has connections that last ten times longer: through a
// service with lc that an agent keeps, and through haproxy with leastconn, which sees each connection
// begin and end.
func (b *bench) least(ctx context.Context) error {
	_, err := exec.LookPath("haproxy")
	rival := err == nil
	if !rival {
		b.say("  without the rival: haproxy is not installed")
	}
	var ours, theirs, calls lab.Series
	for i := range min(b.n, leastRounds) {
		b.say("  round %d of %d", i+1, min(b.n, leastRounds))
		apart, made, err := b.leastRound(ctx, leastVIP, func(w *nstest.World) (*nstest.Speaker, error) {
			return b.agent(ctx, w.Gateway, fmt.Sprintf("least%d", i), []byte(leastPolicy))
		})
		if err != nil {
			return fmt.Errorf("lc: %w", err)
		}
		ours, calls = append(ours, apart), append(calls, made)
		if !rival {
			continue
		}
		apart, _, err = b.leastRound(ctx, haproxyAt, func(w *nstest.World) (*nstest.Speaker, error) {
			file, err := b.write("leastconn.cfg", []byte(leastconnConfig))
			if err != nil {
				return nil, err
			}
			s, err := w.Gateway.Speak("haproxy", "-db", "-f", file)
			if err == nil {
				err = answers(w.Office, haproxyAt)
			}
			return s, err
		})
		if err != nil {
			return fmt.Errorf("haproxy: %w", err)
		}
		theirs = append(theirs, apart)
	}
	percent := func(s lab.Series) string { return fmt.Sprintf("%.1f %%", 100*s.Median()) }
	against := ""
	if rival {
		against = "haproxy leastconn: " + percent(theirs)
	}
	b.add(row{what: "lc, connections of one RS last 10 times longer: live ones apart after 10 s", ours: percent(ours), theirs: against,
		need: "<= 15 %", ok: ours.Median() <= 0.15})
	b.add(row{what: "  calls made", ours: calls.Rate()})
	return nil
}

const leastconnConfig = `global
  no strict-limits
  nbthread 1
  maxconn 10000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen least
  bind 10.1.0.1:80
  balance leastconn
  server quick 192.168.1.1:80
  server slow 192.168.1.2:80
`

// leastRound starts a balancer in a world of its own, and calls. It returns the mean of how far the
// servers' live connections are apart, 0 for equal and 0.15 where the least has 15 % less than the most.
func (b *bench) leastRound(ctx context.Context, to string, balancer func(*nstest.World) (*nstest.Speaker, error)) (apart, rate float64, err error) {
	w, err := nstest.Create(nstest.Options{RealServers: 2})
	if err != nil {
		return 0, 0, err
	}
	defer w.Close()
	var servers [2]*hosted
	for i, lasts := range []time.Duration{quickLasts, slowLasts} {
		if servers[i], err = host(w.RS[i], lasts); err != nil {
			return 0, 0, err
		}
		defer servers[i].close()
	}
	s, err := balancer(w)
	if err != nil {
		return 0, 0, err
	}
	defer s.Stop()
	c := call(ctx, w.Office, to, leastRate)
	defer c.stop()
	start, n := time.Now(), 0
	for time.Since(start) < leastBefore+leastFor && ctx.Err() == nil {
		time.Sleep(leastLook)
		if time.Since(start) < leastBefore {
			continue
		}
		quick, slow := float64(servers[0].live.Load()), float64(servers[1].live.Load())
		if max(quick, slow) == 0 {
			return 0, 0, errors.New("no connection lives")
		}
		apart, n = apart+1-min(quick, slow)/max(quick, slow), n+1
	}
	if failed := c.failed.Load(); failed > 0 {
		return 0, 0, fmt.Errorf("%d of %d calls failed: %v", failed, c.made.Load(), c.reason.Load())
	}
	return apart / float64(n), float64(c.made.Load()) / time.Since(start).Seconds(), ctx.Err()
}
