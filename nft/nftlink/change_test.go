package nftlink_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/snatctl/snatctl/nft"
)

// An element that changes keeps what it has counted, in each kind of set, and while packets go
// on: what is read never runs backwards.
func TestChangeKeepsCounts(t *testing.T) {
	t.Parallel()
	key, last := "\x7f\x00\x00\x01", "\x7f\x00\x00\x09"
	udp := "\x11\x00\x00\x00"
	daddr, proto := nft.F(nft.IPDaddr), nft.F(nft.L4Proto)
	for _, c := range []struct {
		name  string
		set   nft.Set
		first nft.Element
		by    []nft.Field
	}{
		{"hash", nft.Set{Key: []nft.Type{nft.IPv4}}, nft.Element{Key: key}, []nft.Field{daddr}},
		{"ranges", nft.Set{Key: []nft.Type{nft.IPv4}, Interval: true}, nft.Element{Key: key, KeyEnd: last}, []nft.Field{daddr}},
		{"ranges of two fields", nft.Set{Key: []nft.Type{nft.IPv4, nft.Proto}, Interval: true}, nft.Element{Key: key + udp, KeyEnd: last + udp}, []nft.Field{daddr, proto}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			if r, err := g.host.Run(t.Context(), "ip", "link", "set", "lo", "up"); err != nil || r.Code != 0 {
				t.Fatal(err, r.Stderr)
			}
			step := func(n int) *nft.Ruleset {
				s, e := c.set, c.first
				s.Name, s.Data, s.Counter = "counts", nft.VerdictData, true
				e.Comment = fmt.Sprint("step ", n)
				e.Verdict = nft.GotoChain(fmt.Sprint("to", n%2))
				s.Elements = []nft.Element{e}
				return &nft.Ruleset{Table: "counts", Sets: []*nft.Set{&s}, Chains: []*nft.Chain{
					{Name: "out", Hook: &nft.Hook{Type: "filter", Point: "output"}, Rules: []nft.Rule{{Stmts: []nft.Stmt{nft.Vmap{Key: c.by, Map: "counts"}}}}},
					{Name: fmt.Sprint("to", n%2)},
				}}
			}
			count := func() (packets, bytes uint64) {
				live, _ := g.read("counts")
				e := live.Set("counts").Elements[0]
				return e.Packets, e.Bytes
			}
			var conn net.Conn
			if err := g.host.Do(func() (err error) {
				conn, err = net.Dial("udp", "127.0.0.1:9")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send := func() { _, _ = conn.Write([]byte("x")) } // nobody listens: every other is refused

			g.apply(step(0))
			for range 10 {
				send()
			}
			before, weight := count()
			if before < 5 {
				t.Fatalf("%d packets are counted, so this shows nothing", before)
			}
			if plan := g.apply(step(1)); len(plan.Ops) == 0 || !changes(plan) {
				t.Fatalf("the element does not change:\n%s", formatted(plan))
			}
			if packets, bytes := count(); packets != before || bytes != weight {
				t.Errorf("%d packets of %d bytes are counted after the change, want %d of %d", packets, bytes, before, weight)
			}

			done, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					select {
					case <-done:
						return
					default:
						send()
					}
				}
			}()
			for n := range 40 {
				was, _ := count()
				g.apply(step(n))
				if is, _ := count(); is < was {
					t.Errorf("step %d: the count runs back from %d to %d", n, was, is)
				}
			}
			close(done)
			<-stopped
		})
	}
}

func changes(p nft.Plan) bool {
	for _, op := range p.Ops {
		if op.Mark == nft.Change {
			return true
		}
	}
	return false
}
