package integration

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// serveFor takes connections and ends each after a time. It counts those that are open.
func serveFor(t testing.TB, h *nstest.Host, addr string, lasting time.Duration) *atomic.Int64 {
	t.Helper()
	var l net.Listener
	must(t, h.Do(func() (err error) { l, err = net.Listen("tcp", addr); return err }))
	t.Cleanup(func() { l.Close() })
	open := &atomic.Int64{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Add(1)
			time.AfterFunc(lasting, func() {
				c.Close()
				open.Add(-1)
			})
		}
	}()
	return open
}

// With lc, two servers have about as many live connections each, though those of one last ten times longer:
// within 15 % after 10 s.
func TestAgentLeast(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{RealServers: 2})
	fast, slow := serveFor(t, s.RS[0], ":7100", 200*time.Millisecond), serveFor(t, s.RS[1], ":7100", 2*time.Second)
	runAgent(t, s.Gateway, `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/7100, mode: nat, scheduler: lc, real_servers: [192.168.1.1, 192.168.1.2]}
`)
	stop := make(chan struct{})
	defer close(stop)
	for range 4 {
		go func() {
			for tick := time.NewTicker(10 * time.Millisecond); ; {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				c, err := s.Office.Dial("tcp", "", "203.0.113.1:7100")
				if err != nil {
					t.Error(err)
					return
				}
				go func() {
					c.Read(make([]byte, 1)) // until the server ends it
					c.Close()
				}()
			}
		}()
	}
	time.Sleep(10 * time.Second)
	apart := 0.0
	for range 10 { // chance alone moves 70 connections by 12 %: the mean of 2 s counts, and the machine may be busy
		var f, w, n float64
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			f, w, n = f+float64(fast.Load()), w+float64(slow.Load()), n+1
		}
		apart = max(f, w)/min(f, w) - 1
		t.Logf("live connections: %.0f and %.0f, %.0f %% apart", f/n, w/n, 100*apart)
		if apart <= 0.15 {
			return
		}
	}
	t.Errorf("after 30 s they are still %.0f %% apart", 100*apart)
}
