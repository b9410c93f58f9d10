package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// uplinks is the policy of the last part.
const uplinks = `version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: 192.0.2.1,  check: {type: icmp, targets: [8.8.8.8], interval: 500ms, timeout: 250ms, fall: 2, rise: 2}}
    isp2: {interface: wan1, gateway: 198.18.1.1, check: {type: icmp, targets: [9.9.9.9], interval: 500ms, timeout: 250ms, fall: 2, rise: 2}}
zones:
  - name: office
    from: 10.1.0.0/16
    uplink: [isp1, isp2]
    laddrs: {isp1: 192.0.2.10, isp2: 198.18.1.10}
`

// fourth has an uplink die under a call that never pauses, and come back.
func (d *demo) fourth(ctx context.Context) error {
	d.title(8, "An uplink dies during a call")
	routers, err := d.world.AddRouters(ctx)
	if err != nil {
		return err
	}
	const name = "uplinks.yaml"
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(uplinks), 0o644); err != nil {
		return err
	}
	d.say("   Behind each uplink stands a router now, and outside is behind both of them.\n")
	d.command("cat "+name, uplinks)
	agent, err := d.startAgent(ctx, name)
	if err != nil {
		return err
	}
	defer func() {
		if err := agent.End(); err != nil {
			fmt.Fprintln(os.Stderr, "demo: the agent:", err)
		}
	}()
	call, err := startCall(d.world.Office, "8.8.8.8:443")
	if err != nil {
		return err
	}
	defer call.hangUp()
	if err := wait(ctx, 1500*time.Millisecond); err != nil {
		return err
	}
	d.wants(call.seenAs() == "192.0.2.10", "outside sees the call as %s", call.seenAs())
	for _, s := range []struct {
		what          string
		do            func(context.Context, int) error
		until         string // of the agent's log
		call, another string // as which addresses outside sees this call and a new one then
	}{
		{"The router behind isp1 loses all packets now. Its cable is well. The office is in a call by UDP, 50 packets a second.", routers.Mute, "uplink_down", "198.18.1.10", "198.18.1.10"},
		{"The router is well again.", routers.Unmute, "uplink_up", "198.18.1.10", "192.0.2.10"},
	} {
		d.say("   %s", s.what)
		began := time.Now()
		if err := s.do(ctx, 0); err != nil {
			return err
		}
		if _, err := agent.Hear(ctx, agentPatience, "msg="+s.until); err != nil {
			return err
		}
		took := time.Since(began)
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
		another, err := d.world.Office.Ask("udp", "", "8.8.8.8:443")
		if err != nil {
			return err
		}
		d.say("   The agent said %s after %.1f s. The longest silence in the call: %.1f s.\n   Outside sees the call as %s now, and a new one as %s.\n", s.until, took.Seconds(), call.silence().Seconds(), call.seenAs(), another.Peer.Addr())
		d.wants(call.seenAs() == s.call, "outside sees the call as %s", call.seenAs())
		d.wants(another.Peer.Addr().String() == s.another, "outside sees a new call as %s", another.Peer.Addr())
		if err := d.status(ctx, "uplinks", "uplink "); err != nil {
			return err
		}
	}
	return nil
}

// phone is a call by UDP.
type phone struct {
	conn net.Conn
	stop chan struct{}
	done sync.WaitGroup

	mu      sync.Mutex // over what follows
	as      string     // how outside saw it last
	heard   time.Time
	longest time.Duration // without an answer, since somebody asked
}

// packetEvery is how often a phone speaks.
const packetEvery = 20 * time.Millisecond

func startCall(from *nstest.Host, to string) (*phone, error) {
	conn, err := from.Dial("udp", "", to)
	if err != nil {
		return nil, err
	}
	p := &phone{conn: conn, stop: make(chan struct{}), heard: time.Now()}
	p.done.Go(p.talk)
	return p, nil
}

func (p *phone) talk() {
	for {
		select {
		case <-p.stop:
			return
		case <-time.After(packetEvery):
		}
		a, err := nstest.AskWithin(packetEvery, p.conn)
		if err != nil {
			continue
		}
		p.mu.Lock()
		now := time.Now()
		p.as, p.longest, p.heard = a.Peer.Addr().String(), max(p.longest, now.Sub(p.heard)), now
		p.mu.Unlock()
	}
}

// seenAs is the address that outside answered last.
func (p *phone) seenAs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.as
}

// silence is the longest time without an answer since the last question.
func (p *phone) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := max(p.longest, time.Since(p.heard))
	p.longest = 0
	return longest
}

func (p *phone) hangUp() {
	close(p.stop)
	p.done.Wait()
	p.conn.Close()
}
