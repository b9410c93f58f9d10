package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

// Keepalived checks each real server once a second, waits a second for an answer, and takes it out after three
// failures; one success brings it back. The agent's policy is what translate makes of its configuration.
const (
	removalService = "virtual_server 203.0.113.1 80 {\n  delay_loop 1\n  lvs_sched rr\n  lvs_method NAT\n  protocol TCP\n"
	removalServer  = "  real_server 192.168.1.%d 80 {\n    TCP_CHECK {\n      connect_timeout 1\n      retry 2\n      delay_before_retry 1\n    }\n  }\n"
	removalLimit   = 30 * time.Second
	removalSettle  = 4 * time.Second // until all servers have been checked
)

// removals is how long it took from the death of a real server until it was out, in seconds, by how it died.
type removals struct {
	Refuses, Silent struct{ Ours, Theirs lab.Series }
}

// removal has an agent and keepalived check the same real servers on the same gateway, and lets one
// of them die again and again: both see the same deaths, at a random moment between their checks.
func (b *bench) removal(ctx context.Context, keepalived []string) (r removals, err error) {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return r, err
	}
	defer w.Close()
	var servers []*refusing
	for _, h := range w.RS {
		s := &refusing{h: h}
		if err := s.open(); err != nil {
			return r, err
		}
		defer s.close()
		servers = append(servers, s)
	}
	var config strings.Builder
	config.WriteString(removalService)
	for i := range servers {
		fmt.Fprintf(&config, removalServer, i+1)
	}
	config.WriteString("}\n")
	file, err := b.write("keepalived.conf", []byte(config.String()))
	if err != nil {
		return r, err
	}
	policy, err := exec.CommandContext(ctx, b.snatctl, "translate", "keepalived", file).Output()
	if err != nil {
		return r, fmt.Errorf("translate what keepalived gets: %w", err)
	}
	theirs, err := w.Gateway.Speak(append(keepalived, "--check", "--dont-fork", "--log-console", "--no-syslog", "--log-detail",
		"--use-file", file, "--pid", file+".pid", "--checkers_pid", file+".checkers")...)
	if err != nil {
		return r, err
	}
	defer theirs.Stop()
	if _, err := theirs.Hear(ctx, removalLimit, "Gained quorum"); err != nil {
		return r, err
	}
	ours, err := b.agent(ctx, w.Gateway, "removal", policy)
	if err != nil {
		return r, err
	}
	defer ours.Stop()
	time.Sleep(removalSettle)
	for i := range 2 * b.n {
		n := i % len(servers)
		d := death{ours, theirs, fmt.Sprintf("192.168.1.%d", n+1)}
		b.say("  death %d of %d", i+1, 2*b.n)
		if err := d.take(ctx, &r.Refuses.Ours, &r.Refuses.Theirs, servers[n].close, servers[n].open); err != nil {
			return r, fmt.Errorf("a real server that refuses: %w", err)
		}
		cut, mend := func() error { return w.Unplug(w.RS[n]) }, func() error { return w.Plug(w.RS[n]) }
		if err := d.take(ctx, &r.Silent.Ours, &r.Silent.Theirs, cut, mend); err != nil {
			return r, fmt.Errorf("a real server that is gone: %w", err)
		}
	}
	return r, nil
}

// death is one of a real server, seen by two.
type death struct {
	ours, theirs *nstest.Speaker
	server       string
}

func (d death) take(ctx context.Context, ours, theirs *lab.Series, die, rise func() error) error {
	time.Sleep(time.Second + time.Duration(rand.Int64N(int64(time.Second))))
	start := time.Now()
	if err := die(); err != nil {
		return err
	}
	a, err := d.ours.Hear(ctx, removalLimit, "msg=server_down", "server="+d.server+":80")
	if err != nil {
		return err
	}
	k, err := d.theirs.Hear(ctx, removalLimit, "Removing service ["+d.server+"]:tcp:80")
	if err != nil {
		return err
	}
	*ours, *theirs = append(*ours, a.Sub(start).Seconds()), append(*theirs, k.Sub(start).Seconds())
	if err := rise(); err != nil {
		return err
	}
	if _, err := d.ours.Hear(ctx, removalLimit, "msg=server_up", "server="+d.server+":80"); err != nil {
		return err
	}
	_, err = d.theirs.Hear(ctx, removalLimit, "Adding service ["+d.server+"]:tcp:80")
	return err
}

// refusing is a real server that takes connections while it is open, and refuses them else.
type refusing struct {
	h *nstest.Host
	l net.Listener
}

func (s *refusing) open() error {
	err := s.h.Do(func() (err error) {
		s.l, err = net.Listen("tcp4", ":80")
		return err
	})
	if err != nil {
		return err
	}
	go func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}(s.l)
	return nil
}

func (s *refusing) close() error { return s.l.Close() }
