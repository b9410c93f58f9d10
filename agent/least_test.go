package agent

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// leastOf is a service with real servers of some keys.
func leastOf(name string, keys ...string) *tended {
	t := &tended{service: &policy.Service{Name: name}}
	for _, k := range keys {
		t.input.Servers = append(t.input.Servers, balance.Server{Key: netip.MustParseAddrPort(k)})
	}
	return t
}

// A real server with a port has the flows to that port, one without the flows to all ports of its address,
// and nobody those of another service.
func TestEnter(t *testing.T) {
	t.Parallel()
	at := func(service, to string) gateway.FlowServer {
		return gateway.FlowServer{Service: service, To: netip.MustParseAddrPort(to)}
	}
	counts := countedOf(map[gateway.FlowServer]gateway.ServerFlows{
		at("web", "192.168.1.1:80"):    {Live: 1, New: 10},
		at("web", "192.168.1.1:443"):   {Live: 2, New: 20},
		at("web", "192.168.1.1:0"):     {Live: 4, New: 40},
		at("web", "192.168.1.2:8080"):  {Live: 8, New: 80},
		at("web", "[2001:db8::1]:80"):  {Live: 16, New: 160},
		at("other", "192.168.1.1:80"):  {Live: 32, New: 320},
		at("other", "192.168.1.3:443"): {Live: 64, New: 640},
	})
	web := leastOf("web", "192.168.1.1:0", "192.168.1.1:443", "192.168.1.2:8080", "192.168.1.2:80", "192.168.1.3:0", "[2001:db8::1]:0")
	for n := range 2 {
		web.enter(counts)
		for i, live := range []int{7, 2, 8, 0, 0, 16} {
			if in := web.input.Servers[i]; in.Flows != live || in.Opened != uint64((n+1)*10*live) {
				t.Errorf("count %d: %v has %d flows, and got %d", n+1, in.Key, in.Flows, in.Opened)
			}
		}
	}
}

func BenchmarkEnter(b *testing.B) {
	flows := map[gateway.FlowServer]gateway.ServerFlows{}
	var all []*tended
	for i := range 4000 {
		t := leastOf(fmt.Sprint("service", i), "192.168.1.1:0", "192.168.1.2:0", "192.168.1.3:0", "192.168.1.4:0")
		for _, s := range t.input.Servers {
			flows[gateway.FlowServer{Service: t.service.Name, To: netip.AddrPortFrom(s.Key.Addr(), 80)}] = gateway.ServerFlows{Live: 3, New: 1}
		}
		all = append(all, t)
	}
	counts := countedOf(flows)
	for b.Loop() {
		for _, t := range all {
			t.enter(counts)
		}
	}
}

// Counting takes a part of a processor's time, and goes on where it only waited for one.
func TestCountPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lasted, busy, want time.Duration }{
		{10 * time.Millisecond, 5 * time.Millisecond, 240 * time.Millisecond},
		{400 * time.Millisecond, 390 * time.Millisecond, 1560 * time.Millisecond},
		{400 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond},
	} {
		if got := countPause(c.lasted, c.busy); got != c.want {
			t.Errorf("after %v, of which %v on a processor, it rests for %v, not %v", c.lasted, c.busy, got, c.want)
		}
	}
}

// The time of a thread is what it did, not what it waited.
func TestThreadTime(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	worked := threadTime()
	if worked <= start {
		t.Errorf("work takes from %v to %v", start, worked)
	}
}
