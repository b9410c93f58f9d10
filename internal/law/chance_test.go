package law

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
)

// While another node drains, what belongs to no connection and calls a VIP is sent on to it, and all else is as
// ever. Policies of Policy have no nodes, since few of them would be fit for several; they get some here.
func TestSecondChance(t *testing.T) {
	sent := 0
	for seed := range uint64(600) {
		yaml, _ := Policy(rand.New(rand.NewPCG(seed, 0)))
		p, ds := Parse(yaml)
		if ds.Err() != nil {
			t.Fatal(ds.Err())
		}
		p.Nodes = []policy.Node{{Name: "gw1"}, {Name: "gw2", State: policy.NodeDrain, RouterID: netip.MustParseAddr("172.16.0.2")}}
		if seed%2 == 0 {
			p.Nodes[1].Addresses = []netip.Addr{netip.MustParseAddr("172.16.1.2"), netip.MustParseAddr("2001:db8:16::2")}
		}
		here, d := p.At("gw1")
		if d != nil {
			t.Fatal(d)
		}
		r, ds := compiler.Compile(here)
		if ds.Err() != nil {
			t.Fatal(ds.Err())
		}
		m, err := NewMachine(r)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, yaml)
		}
		l := &Law{Policy: here, Machine: m}
		for i, pkt := range Packets(rand.New(rand.NewPCG(seed, 1)), here, packetsEach) {
			pkt.Invalid = i%2 == 0 && !pkt.Self
			if err := l.Check(pkt); err != nil {
				d := here.Decide(pkt.Packet)
				t.Fatalf("seed %d, %s: %v\n# policy: %s %s\n%s", seed, pkt, err, d.Verdict, d.Reason, yaml)
			}
			if here.Decide(pkt.Packet).Chance != "" {
				sent++
			}
		}
	}
	if sent < 500 {
		t.Errorf("%d packets were sent on to the node that drains: the test tries nothing", sent)
	}
}
