package agent

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/policy"
)

// What an agent leaves the next one reads: overrides, who was down, and nothing of others. Times
// count by this process' own clock then, whatever somebody does to that of the machine.
func TestMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	web1, web2 := health.ID{Service: "web", Server: key("192.168.1.1:0")}, health.ID{Service: "web", Server: key("192.168.1.2:8080")}
	now := time.Now()
	a := &Agent{o: Options{StateDir: dir}, table: "edge"}
	if _, err := a.remember(now); err != nil || len(a.overrides)+len(a.known)+len(a.memories) != 0 {
		t.Fatalf("from nothing it remembers %v %v, %v", a.overrides, a.known, err)
	}
	a.overrides[web1] = balance.Override{Kind: balance.Drain, Until: now.Add(time.Hour)}
	a.known[web2] = known{Down: true, Since: now.Add(-time.Minute), Reason: "connection refused"}
	a.keeper.path = memoryFile(dir, "edge")
	if err := a.keeper.write(a.memory()); err != nil {
		t.Fatal(err)
	}

	b := &Agent{o: Options{StateDir: dir}, table: "edge"}
	later := now.Add(10 * time.Minute)
	if _, err := b.remember(later); err != nil {
		t.Fatal(err)
	}
	o, k := b.overrides[web1], b.known[web2]
	if o.Kind != balance.Drain || o.Until.Sub(later).Round(time.Second) != 50*time.Minute || !k.Down || k.Reason != "connection refused" {
		t.Errorf("it remembers %+v and %+v", o, k)
	}
	if o.Until.String() == o.Until.Round(0).String() {
		t.Error("the time of the override is one of the machine's clock, which jumps")
	}
	p := &policy.Policy{Services: []policy.Service{{Name: "web", HealthCheck: &policy.HealthCheck{}, Scheduler: policy.RoundRobin,
		RealServers: []policy.RealServer{{Addr: web1.Server.Addr(), Weight: 1}, {Addr: web2.Server.Addr(), Port: 8080, Weight: 1}, {Addr: netip.MustParseAddr("192.168.1.3"), Weight: 1}}}}}
	s := b.tend(p, later)
	servers := s.state.Services["web"].Servers
	if len(servers) != 2 || servers[web1.Server].Weight != 0 || servers[web1.Server].Down || !servers[web2.Server].Down {
		t.Errorf("the service is in state %+v", s.state)
	}

	other := &Agent{o: Options{StateDir: dir}, table: "other"}
	if _, err := other.remember(later); err != nil || len(other.overrides) != 0 {
		t.Errorf("another table's agent remembers %v, %v", other.overrides, err)
	}
}

// An older memory never replaces a newer one, however late it is written.
func TestKeeperOrder(t *testing.T) {
	t.Parallel()
	k := keeper{path: filepath.Join(t.TempDir(), "agent", "edge.json")}
	now := time.Now()
	newer := memory{Written: now, Overrides: []rememberedOverride{{Service: "web", Server: netip.MustParseAddrPort("192.168.1.1:0"), Kind: balance.Drain}}}
	if err := k.write(newer); err != nil {
		t.Fatal(err)
	}
	if err := k.write(memory{Written: now.Add(-time.Second)}); err != nil {
		t.Fatal(err)
	}
	a := &Agent{o: Options{StateDir: filepath.Dir(filepath.Dir(k.path))}, table: "edge"}
	if _, err := a.remember(now); err != nil || len(a.overrides) != 1 {
		t.Errorf("the older one counts: %v, %v", a.overrides, err)
	}
}
