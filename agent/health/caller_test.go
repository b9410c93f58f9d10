package health

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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
	k := &Check{Type: TCP, Interval: 400 * time.Millisecond, Timeout: 300 * time.Millisecond, Rise: 1, Fall: 2} // long, for a busy machine
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
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s.Run(ctx, func(vs []Verdict) {
		for _, v := range vs {
			got[v.ID.Service] = v
		}
		if len(got) == 3 {
			cancel()
		}
	})
	for name, want := range map[string]string{"lives": "up ", "refuses": "down connection refused", "silent": "down no answer in 300ms"} {
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
	k := &Check{Type: TCP, Interval: 30 * time.Millisecond, Timeout: 20 * time.Millisecond, Rise: 1, Fall: 1}
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
	for range 20 {
		s.mu.Lock()
		time.Sleep(60 * time.Millisecond)
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

// TestConnectsUnseen holds a server's program free of checks: it sees no connection.
func TestConnectsUnseen(t *testing.T) {
	var seen atomic.Int32
	lives := serveTCP(t, func(net.Conn) { seen.Add(1) })
	var checked atomic.Int32
	s := New(Options{Observe: func(o Observation) {
		if o.Error != "" {
			t.Errorf("check: %s", o.Error)
		}
		checked.Add(1)
	}})
	s.Set([]Target{{To: addrPort(lives), Check: &Check{Type: TCP, Interval: time.Millisecond, Timeout: 5 * time.Second}}})
	ctx, cancel := context.WithCancel(t.Context())
	var end sync.WaitGroup
	end.Go(func() { s.Run(ctx, func([]Verdict) {}) })
	for checked.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	end.Wait()
	if n, of := seen.Load(), checked.Load(); n > of/2 { // some resets may be late, on a machine that has more to do
		t.Errorf("the server has seen %d of %d checks", n, of)
	}
}

// TestFilesRunOut lets more servers be silent than there may be files: those beyond it are not
// checked, which counts for neither side.
func TestFilesRunOut(t *testing.T) {
	quiet := silentServer(t)
	s := New(Options{})
	var ts []Target
	for i := range 20 {
		ts = append(ts, Target{ID: ID{"web", server(i)}, To: addrPort(quiet), Check: &Check{Type: TCP, Interval: 100 * time.Millisecond, Timeout: 10 * time.Second}})
	}
	s.Set(ts)
	ctx, cancel := context.WithCancel(t.Context())
	var end sync.WaitGroup
	end.Go(func() { s.Run(ctx, func(vs []Verdict) { t.Errorf("verdicts: %v", vs) }) })
	for {
		s.mu.Lock()
		ready := s.caller != nil
		if ready {
			s.caller.most = 8
		}
		s.mu.Unlock()
		if ready {
			break
		}
		time.Sleep(time.Millisecond)
	}
	want := map[string]int{"": 8, "not checked: too many open files": 12}
	var counts map[string]int
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && !maps.Equal(counts, want); time.Sleep(10 * time.Millisecond) {
		counts = map[string]int{}
		for _, h := range s.All() {
			counts[h.Error]++
			if h.State != Unknown || h.Failures != 0 {
				t.Fatalf("health is %+v", h)
			}
		}
	}
	cancel()
	end.Wait()
	if !maps.Equal(counts, want) {
		t.Errorf("errors are %v, want %v", counts, want)
	}
}
