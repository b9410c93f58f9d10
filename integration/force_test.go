package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
)

// engine is a table in force, held by the test.
type engine struct {
	host *nstest.Host
	g    *gateway.Gateway
	*gateway.Force
}

// engaged puts a policy in force in place of what stands.
func engaged(t *testing.T, h *nstest.Host, text string) *engine {
	t.Helper()
	p := compiled.Policy(t, []byte(text))
	w, ds := gateway.Compile(p, nil)
	must(t, ds.Err())
	e := &engine{host: h}
	must(t, h.Do(func() (err error) {
		if e.g, err = gateway.Hold(gateway.Options{Table: p.Gateway.Table, StateDir: t.TempDir()}); err != nil {
			return err
		}
		c, err := e.g.Commit(t.Context(), w, gateway.ApplyOptions{})
		if err == nil {
			_, err = c.Finish(t.Context())
		}
		if err == nil {
			e.Force, err = c.Force()
		}
		return err
	}))
	t.Cleanup(func() { _ = h.Do(func() error { e.g.Close(); return nil }) })
	return e
}

// evict gives services new states.
func (e *engine) evict(t *testing.T, states map[string]policy.ServiceState) {
	t.Helper()
	var changes []gateway.ServiceChange
	for name, st := range states {
		changes = append(changes, gateway.ServiceChange{Service: name, State: st})
	}
	must(t, e.host.Do(func() error { return e.Evict(t.Context(), changes) }))
}

func (e *engine) reshape(t *testing.T) {
	t.Helper()
	must(t, e.host.Do(func() error { return e.Reshape(t.Context()) }))
}

// down is the state in which some real servers are down.
func down(servers ...string) policy.ServiceState {
	st := policy.ServiceState{Servers: make(map[netip.AddrPort]policy.ServerState)}
	for _, text := range servers {
		st.Servers[netip.AddrPortFrom(netip.MustParseAddr(text), 0)] = policy.ServerState{Weight: 1, Down: true}
	}
	return st
}

const turning = `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: turns, vip: 203.0.113.1, ports: udp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: wide, vip: 203.0.113.2, ports: udp/8000-8009, mode: nat, scheduler: random, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: hash, vip: 203.0.113.4, ports: udp/80, mode: nat, scheduler: mh, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: kept, vip: 203.0.113.3, ports: udp/80, mode: nat, scheduler: wrr, persistence: 300s, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
`

// What services and real servers have counted stays through evictions and reshapes, and goes on;
// a real server that is down gets nothing, and the others take exact turns.
func TestStatesKeepCounts(t *testing.T) {
	s := startSite(t, turning)
	e := engaged(t, s.Gateway, turning)
	want := tally{}
	note := func(sv, server string) {
		want["service "+sv]++
		want[sv+" "+server]++
	}
	counts := func() tally {
		all := tally{}
		for _, sv := range status(t, s.Gateway).Services {
			all["service "+sv.Name] = uint64(sv.New)
			for _, rs := range sv.Servers {
				if rs.New > 0 {
					all[sv.Name+" "+rs.Address] += uint64(rs.New)
				}
			}
		}
		return all
	}
	client := 0
	ask := func(step string, gone ...string) {
		t.Helper()
		turns := map[string]int{}
		for range 6 {
			client++
			for sv, to := range map[string]string{"turns": "203.0.113.1:80", "wide": "203.0.113.2:8001", "hash": "203.0.113.4:80", "kept": "203.0.113.3:80"} {
				a, err := s.Office.Ask("udp", fmt.Sprintf("10.1.%d.%d:0", 128+client/250, client%250+1), to)
				must(t, err)
				server := "192.168.1." + strings.TrimPrefix(a.Host, "rs")
				for _, g := range gone {
					if server == g {
						t.Errorf("%s: %s sent a client to %s, which is down", step, sv, g)
					}
				}
				note(sv, server)
				if sv == "turns" {
					turns[server]++
				}
			}
		}
		for server, n := range turns {
			if len(gone) > 0 && strings.HasSuffix(step, "reshaped") && n != 6/(3-len(gone)) {
				t.Errorf("%s: %s has %d of 6 turns", step, server, n)
			}
		}
		if d := gocmp.Diff(want, counts()); d != "" {
			t.Errorf("%s: the counts are others (-asked +counted):\n%s", step, d)
		}
	}
	ask("at first")
	both := func(st policy.ServiceState) map[string]policy.ServiceState {
		return map[string]policy.ServiceState{"turns": st, "wide": st, "hash": st, "kept": st}
	}
	e.evict(t, both(down("192.168.1.2")))
	ask("one is evicted", "192.168.1.2")
	e.reshape(t)
	ask("reshaped", "192.168.1.2")
	e.evict(t, both(down("192.168.1.2", "192.168.1.1")))
	ask("two are evicted", "192.168.1.2", "192.168.1.1")
	e.evict(t, both(down("192.168.1.1")))
	ask("one comes back", "192.168.1.1")
	e.reshape(t)
	ask("and is reshaped", "192.168.1.1")
	e.evict(t, both(policy.ServiceState{}))
	e.reshape(t)
	ask("all are back")
	w, _ := gateway.Compile(e.Policy(), nil)
	must(t, e.host.Do(func() error { _, err := e.g.Adopt(t.Context(), w); return err }))
}

// While clients call without a pause, real servers go and come: no call that begins after Evict has
// returned reaches one that is gone, every call is answered, and connections to those that are gone,
// or stay, go on.
func TestEvictUnderLoad(t *testing.T) {
	const text = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs: {pool: 192.168.1.254}
services:
  - {name: turns, vip: 203.0.113.1, ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: hash, vip: 203.0.113.4, ports: udp/80, mode: nat, scheduler: mh, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: kept, vip: 203.0.113.3, ports: udp/80, mode: nat, scheduler: wrr, persistence: 300s, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
`
	s := startSite(t, text)
	e := engaged(t, s.Gateway, text)
	var streams []*nstest.Stream
	for range 6 {
		st, err := s.Office.OpenStream("", "203.0.113.1:80")
		must(t, err)
		streams = append(streams, st)
	}
	load := map[string][]*callers{} // by service
	client := func(service, network, from, to string) {
		port := 9999
		load[service] = append(load[service], startAsking(1, 0, func() (nstest.Answer, error) {
			port++ // each call is a new connection to conntrack, too
			return s.Office.Ask(network, fmt.Sprintf("%s:%d", from, port), to)
		}))
	}
	first := time.Now()
	client("turns", "udp", "10.1.200.8", "203.0.113.1:80")
	client("turns", "tcp", "10.1.200.9", "203.0.113.1:80")
	for i := range 3 {
		client("hash", "udp", fmt.Sprintf("10.1.200.%d", i+1), "203.0.113.4:80")
		client("kept", "udp", fmt.Sprintf("10.1.200.%d", i+4), "203.0.113.3:80")
	}
	type gone struct {
		host     string
		from, to time.Time
	}
	var spans []gone
	for round := range 6 {
		n := round%3 + 1
		st := down(fmt.Sprintf("192.168.1.%d", n))
		began := time.Now()
		e.evict(t, map[string]policy.ServiceState{"turns": st, "hash": st, "kept": st})
		span := gone{host: fmt.Sprintf("rs%d", n), from: time.Now()}
		t.Logf("%s is gone after %s", span.host, span.from.Sub(began))
		time.Sleep(30 * time.Millisecond)
		e.reshape(t)
		time.Sleep(30 * time.Millisecond)
		span.to = time.Now()
		spans = append(spans, span)
		e.evict(t, map[string]policy.ServiceState{"turns": {}, "hash": {}, "kept": {}})
		if round%2 == 0 {
			e.reshape(t)
		}
	}
	reached := map[string]int{}
	for service, clients := range load {
		for _, c := range clients {
			c.end()
			c.spared(t, service, first, time.Now())
			for _, g := range spans {
				c.spared(t, service+" after Evict", g.from, g.to, g.host)
			}
			reached[service] += len(c.all)
		}
	}
	for _, st := range streams {
		if err := st.Close(); err != nil {
			t.Errorf("the connection to %s is cut: %v", st.Answer.Host, err)
		}
	}
	t.Logf("calls: %v", reached)
}
