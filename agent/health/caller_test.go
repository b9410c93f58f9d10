package health

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// TestConnect runs plain connects against a server that lives, one that refuses and one that
// is silent.
func TestConnect(t *testing.T) {
	lives, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lives.Close()
	refuses, _ := net.Listen("tcp", "127.0.0.1:0")
	refuses.Close()
	k := &Check{Type: TCP, Interval: 50 * time.Millisecond, Timeout: 40 * time.Millisecond, Rise: 1, Fall: 2}
	target := func(name, to string) Target {
		return Target{ID: ID{name, netip.MustParseAddrPort("192.0.2.1:80")}, To: netip.MustParseAddrPort(to), Check: k}
	}
	s := New(Options{})
	s.Set([]Target{
		target("lives", lives.Addr().String()),
		target("refuses", refuses.Addr().String()),
		target("silent", silentServer(t)),
	})
	got := map[string]Verdict{}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s.Run(ctx, func(vs []Verdict) {
		for _, v := range vs {
			got[v.ID.Service] = v
		}
		if len(got) == 3 {
			cancel()
		}
	})
	for name, want := range map[string]string{"lives": "up ", "refuses": "down connection refused", "silent": "down no answer in 40ms"} {
		if v := got[name]; v.State.String()+" "+v.Reason != want {
			t.Errorf("%s: %s %s, want %s", name, v.State, v.Reason, want)
		}
	}
}

// silentServer returns the address of a server that never answers to a SYN: its queue is full.
func silentServer(t *testing.T) string {
	l, err := listenBacklog(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	to := l.Addr().String()
	for range 2 {
		d := net.Dialer{Timeout: 100 * time.Millisecond}
		if c, err := d.Dial("tcp", to); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	return to
}

// TestHeldUp keeps the scheduler from looking at connects until after their timeout: what the
// kernel had answered in time is an answer.
func TestHeldUp(t *testing.T) {
	lives := serveTCP(t, hold)
	k := &Check{Type: TCP, Interval: 10 * time.Millisecond, Timeout: 5 * time.Millisecond, Rise: 1, Fall: 1}
	s := New(Options{})
	var ts []Target
	for i := range 20 {
		ts = append(ts, Target{ID: ID{"web", server(i)}, To: addrPort(lives), Check: k})
	}
	s.Set(ts)
	ctx, cancel := context.WithCancel(t.Context())
	var end sync.WaitGroup
	end.Go(func() { s.Run(ctx, func([]Verdict) {}) })
	time.Sleep(20 * time.Millisecond)
	for range 50 {
		s.mu.Lock()
		time.Sleep(20 * time.Millisecond)
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	cancel()
	end.Wait()
	for id, h := range s.All() {
		if h.Failures > 0 {
			t.Errorf("%s failed %d times: %s", id.Server, h.Failures, h.Error)
		}
	}
}
