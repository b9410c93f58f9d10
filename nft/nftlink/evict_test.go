package nftlink_test

import (
	"slices"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
)

// BenchmarkDrain takes one real server of 30,000 services x 4 out, by what an agent does: a
// change of data alone, and the table made anew. Only the commits are measured.
func BenchmarkDrain(b *testing.B) {
	p := compiled.Policy(b, sample.Services(30000, 4))
	g := newGateway(b)
	g.bring(b, compiled.Ruleset(b, p))
	next := 0
	for _, reshape := range []bool{false, true} {
		b.Run(map[bool]string{false: "evict", true: "reshape"}[reshape], func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				next += 7
				s := &p.Services[next%len(p.Services)]
				was, _ := compiler.Arrange(p).Service(s)
				evicted, ok := was.Evict(s, s.RealServers[1:2])
				if !ok {
					b.Fatal("no real server is left")
				}
				data, _ := was.PlanTo(evicted, p.Gateway.Table)
				s.RealServers = slices.Clone(s.RealServers)
				s.RealServers[1].Weight = 0
				want := compiled.Ruleset(b, p)
				if !reshape {
					b.StartTimer()
				}
				g.send(b, data)
				b.StopTimer()
				live, _, err := g.conn.Read(b.Context(), want.Table)
				if err != nil {
					b.Fatal(err)
				}
				plan := diff(live, want)
				if reshape {
					b.StartTimer()
				}
				g.send(b, plan)
				b.StartTimer()
			}
		})
	}
}

// bring makes the table that is wanted.
func (g *gateway) bring(t testing.TB, want *nft.Ruleset) {
	t.Helper()
	live, gen, err := g.conn.Read(t.Context(), want.Table)
	if err == nil {
		err = g.conn.Apply(t.Context(), diff(live, want), gen)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// send carries out a plan on the table as it stands.
func (g *gateway) send(t testing.TB, p nft.Plan) {
	t.Helper()
	gen, err := g.conn.Generation(t.Context())
	if err == nil {
		err = g.conn.Apply(t.Context(), p, gen)
	}
	if err != nil {
		t.Fatal(err)
	}
}
