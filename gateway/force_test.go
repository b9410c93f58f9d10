package gateway

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/law"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
)

// holding opens the gateway of a namespace of the test's own to change it.
func holding(t testing.TB) (*nstest.Host, *Gateway) {
	t.Helper()
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	var g *Gateway
	err := h.Do(func() (err error) {
		g, err = Hold(Options{Table: "snatctl", StateDir: t.TempDir()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Do(func() error { g.Close(); return nil }) })
	return h, g
}

// force puts a policy in force.
func force(t testing.TB, h *nstest.Host, g *Gateway, p *policy.Policy) *Force {
	t.Helper()
	w, ds := Compile(p, nil)
	if w == nil {
		t.Fatal(ds)
	}
	var f *Force
	err := h.Do(func() error {
		c, err := g.Commit(t.Context(), w, ApplyOptions{})
		if err != nil {
			return err
		}
		if _, err := c.Finish(t.Context()); err != nil {
			return err
		}
		f, err = c.Force()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// differs returns what turns the table into that of a policy.
func differs(t testing.TB, g *Gateway, p *policy.Policy) nft.Plan {
	t.Helper()
	live, _, err := g.conn.Read(t.Context(), g.table)
	if err != nil {
		t.Fatal(err)
	}
	want, err := wire.Forms(compiler.KeepSynProxy(live, compiler.KeepTimeouts(live, compiled.Ruleset(t, p))))
	if err != nil {
		t.Fatal(err)
	}
	return nft.Diff(live, want)
}

func changesOf(state map[string]policy.ServiceState) (changes []ServiceChange) {
	for name, st := range state {
		changes = append(changes, ServiceChange{name, st})
	}
	return changes
}

// A walk through states ends in the kernel's table that a compile of the state gives, whatever
// evictions came together. LAW_SEEDS=from-to chooses the policies.
func TestWalksOfStates(t *testing.T) {
	seeds := [2]uint64{0, 30}
	if v := os.Getenv("LAW_SEEDS"); v != "" {
		from, to, err := law.ParseSeeds(v)
		if err != nil {
			t.Fatal(err)
		}
		seeds = [2]uint64{from, to}
	}
	h, g := holding(t)
	walks := 0
	for seed := seeds[0]; seed < seeds[1]; seed++ {
		random := rand.New(rand.NewPCG(seed, 0))
		yaml, _ := law.Policy(random)
		p := compiled.Policy(t, yaml)
		law.Sorry(random, p)
		if w, _ := Compile(p, nil); w == nil {
			continue
		}
		f := force(t, h, g, p)
		for step := range 4 {
			state := law.State(random, p)
			if w, _ := Compile(p.With(state), nil); w == nil {
				break
			}
			err := f.Evict(t.Context(), changesOf(state.Services))
			if err == nil && random.IntN(3) > 0 {
				err = f.Reshape(t.Context())
			}
			if errors.Is(err, ErrWhole) {
				f = force(t, h, g, p.With(state))
				continue
			}
			if err != nil {
				t.Fatalf("LAW_SEEDS=%d, step %d: %v\n%s", seed, step, err, yaml)
			}
			for name := range f.state.Services {
				if _, ok := state.Services[name]; !ok {
					state.Services[name] = f.state.Services[name]
				}
			}
			if f.Pending() > 0 {
				continue
			}
			if plan := differs(t, g, p.With(state)); !plan.Empty() {
				t.Fatalf("LAW_SEEDS=%d, step %d: the table differs:\n%s\n%s", seed, step, text(plan), yaml)
			}
			walks++
		}
	}
	if walks == 0 {
		t.Error("nothing was tried")
	}
	t.Logf("%d tables", walks)
}

func text(p nft.Plan) string {
	var b []byte
	w := writer{&b}
	p.Format(w)
	return string(b)
}

type writer struct{ b *[]byte }

func (w writer) Write(p []byte) (int, error) { *w.b = append(*w.b, p...); return len(p), nil }

// Whoever else writes holds up no change of services, and is not hidden by it. What others did to these
// services themselves makes the kernel refuse the change whole.
func TestForceBesideOthers(t *testing.T) {
	h, g := holding(t)
	p := compiled.Policy(t, sample.Services(10, 3))
	f := force(t, h, g, p)
	nft := func(line string) {
		t.Helper()
		if out, err := h.Output(t.Context(), "nft", line); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	moved := func() bool {
		t.Helper()
		at, err := g.Generation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return at != f.Generation()
	}
	nft("add table inet other")
	down := downState(p, 0, 1)
	if err := f.Evict(t.Context(), changesOf(down)); err != nil {
		t.Fatal(err)
	}
	if err := f.Reshape(t.Context()); err != nil {
		t.Fatal(err)
	}
	if plan := differs(t, g, p.With(policy.State{Services: down})); !plan.Empty() {
		t.Errorf("the table differs:\n%s", text(plan))
	}
	if !moved() {
		t.Error("nobody sees that others have written")
	}

	nft("flush map inet snatctl turns4")
	before := downState(p, 1, 2)
	if err := f.Evict(t.Context(), changesOf(before)); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a change of what others took away ends with %v", err)
	}
	if s := f.Policy().State(); len(s.Services) != 1 {
		t.Errorf("the state is %v", s)
	}
	w, _ := Compile(p.With(policy.State{Services: down}), nil)
	if _, err := g.Adopt(t.Context(), w); !errors.Is(err, ErrNotInForce) {
		t.Errorf("a table without slots is adopted: %v", err)
	}
}

// Clients that persistent services forget move the generation, and leave the table as it is known:
// those of an apply, though its Force is taken before, and those of Evict.
func TestForceAfterClientsLeft(t *testing.T) {
	const text = "version: 1\nservices:\n  - {name: kept, vip: 203.0.113.3, ports: udp/80, mode: nat, persistence: 300s, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}\n"
	h, g := holding(t)
	p := compiled.Policy(t, []byte(text))
	force(t, h, g, p)
	enter := func(client, server string) {
		t.Helper()
		if _, err := h.Output(t.Context(), "nft", "add element inet snatctl sticky4 { "+client+" . 203.0.113.3 . udp . 80 : "+server+" . 80 }"); err != nil {
			t.Fatal(err)
		}
	}
	enter("10.0.0.1", "192.168.1.1")
	enter("10.0.0.2", "192.168.1.2")
	enter("10.0.0.3", "192.168.1.3")
	w, _ := Compile(compiled.Policy(t, []byte(strings.Replace(text, "192.168.1.3]", "192.168.1.4]", 1))), nil)
	var f *Force
	err := h.Do(func() error { // sysctls are those of the thread's namespace
		c, err := g.Commit(t.Context(), w, ApplyOptions{})
		if err == nil {
			f, err = c.Force()
		}
		if err == nil {
			_, err = c.Finish(t.Context())
		}
		return err
	})
	for _, down := range []string{"192.168.1.1:0", "192.168.1.4:0"} {
		if err == nil {
			err = f.Evict(t.Context(), []ServiceChange{{"kept", policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{netip.MustParseAddrPort(down): {Weight: 1, Down: true}}}}})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(t.Context(), "nft", "list map inet snatctl sticky4")
	if err != nil || strings.Contains(out, "10.0.0.1 ") || strings.Contains(out, "10.0.0.3 ") || !strings.Contains(out, "10.0.0.2 ") {
		t.Errorf("the clients left are others than that of 192.168.1.2: %v\n%s", err, out)
	}
}

// downState is the state in which the first servers of some services are down.
func downState(p *policy.Policy, from, to int) map[string]policy.ServiceState {
	state := make(map[string]policy.ServiceState)
	for i := from; i < to; i++ {
		s := &p.Services[i%len(p.Services)]
		state[s.Name] = policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{s.RealServers[0].Key(): {Weight: 1, Down: true}}}
	}
	return state
}

// BenchmarkVerdict takes real servers of 30,000 services x 4 out and in again: from the call to the
// end of the commit.
func BenchmarkVerdict(b *testing.B) {
	h, g := holding(b)
	p := compiled.Policy(b, sample.Services(30000, 4))
	f := force(b, h, g, p)
	next := 0
	for _, servers := range []int{1, 1000} {
		run := func(name string, call func(down map[string]policy.ServiceState) error, after func() error) {
			b.Run(fmt.Sprintf("%s/%d", name, servers), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					down := downState(p, next, next+servers)
					next += servers
					b.StartTimer()
					err := call(down)
					b.StopTimer()
					if err == nil {
						err = after()
					}
					if err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
		back := func() error {
			var up []ServiceChange
			for name := range f.state.Services {
				up = append(up, ServiceChange{Service: name})
			}
			if err := f.Evict(b.Context(), up); err != nil {
				return err
			}
			return f.Reshape(b.Context())
		}
		run("evict", func(down map[string]policy.ServiceState) error { return f.Evict(b.Context(), changesOf(down)) }, back)
		run("reshape", func(down map[string]policy.ServiceState) error {
			b.StopTimer()
			if err := f.Evict(b.Context(), changesOf(down)); err != nil {
				return err
			}
			b.StartTimer()
			return f.Reshape(b.Context())
		}, back)
	}
}

// Weights that need more slots than a map has room for are refused by the kernel, and nothing changes. A Commit of the
// policy in that state makes the map anew, and what stands then is known again.
func TestForceOutgrowsAMap(t *testing.T) {
	h, g := holding(t)
	var b strings.Builder
	b.WriteString("version: 1\nservices:\n")
	const services = 600
	for i := range services {
		fmt.Fprintf(&b, "  - {name: s%d, vip: 203.0.%d.%d, ports: udp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}\n", i, 113+i/250, 1+i%250)
	}
	p := compiled.Policy(t, []byte(b.String()))
	f := force(t, h, g, p)
	size := func() uint32 {
		t.Helper()
		live, _, err := g.conn.Read(t.Context(), g.table)
		if err != nil {
			t.Fatal(err)
		}
		return live.Set("turns4").Size
	}
	before := size()
	if before < 2*services || before >= 10*services {
		t.Fatalf("the map for %d slots has size %d", 2*services, before)
	}
	state := policy.State{Services: make(map[string]policy.ServiceState)}
	for i := range p.Services {
		s := &p.Services[i]
		state.Services[s.Name] = policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{s.RealServers[0].Key(): {Weight: 9}, s.RealServers[1].Key(): {Weight: 1}}}
	}
	if err := f.Evict(t.Context(), changesOf(state.Services)); err != nil {
		t.Fatal(err)
	}
	generation := f.Generation()
	if err := f.Reshape(t.Context()); !errors.Is(err, unix.ENFILE) || !strings.Contains(err.Error(), "turns4 is full") {
		t.Fatalf("%d slots in a map of size %d: %v", 10*services, before, err)
	}
	if now, err := g.conn.Generation(t.Context()); err != nil || now != generation {
		t.Errorf("the refused change moved the table: %v, %v, %v", generation, now, err)
	}
	f = force(t, h, g, p.With(state))
	if after := size(); after < 10*services {
		t.Errorf("the map is of size %d, for %d slots", after, 10*services)
	}
	if plan := differs(t, g, p.With(state)); !plan.Empty() {
		t.Errorf("the table differs:\n%s", text(plan))
	}
	if err := f.Evict(t.Context(), changesOf(downState(p.With(state), 0, 3))); err != nil {
		t.Error(err)
	}
	if err := f.Reshape(t.Context()); err != nil {
		t.Error(err)
	}
}
