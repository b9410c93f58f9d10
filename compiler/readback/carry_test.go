package readback_test

import (
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
)

// A real server that loses one of two slots, and gets no other, keeps the count of both: an element
// that the plan would leave alone changes for that.
func TestCarryToWhatStays(t *testing.T) {
	p := compiled.Policy(t, []byte("version: 1\nservices:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}\n"))
	down := p.With(policy.State{Services: map[string]policy.ServiceState{"web": {Servers: map[netip.AddrPort]policy.ServerState{netip.MustParseAddrPort("192.168.1.2:0"): {Weight: 1, Down: true}}}}})
	live, want := compiled.Ruleset(t, p), compiled.Ruleset(t, down)
	turns := live.Set("turns4").Elements
	turns[1].Data = turns[0].Data // as Evict leaves it
	live.Sets = append(live.Sets, want.Set("servers4"))
	for i, n := range []uint64{5, 3, 7} {
		turns[i].Packets = n
	}
	if _, err := wire.Forms(live); err != nil {
		t.Fatal(err)
	}
	formed, err := wire.Forms(want)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64) // more than the kernel's element has itself
	for _, o := range readback.Carry(nft.Diff(live, formed)).Ops {
		if o.Set == nil || o.Set.Name != "turns4" || o.Mark == nft.Delete {
			continue
		}
		for _, e := range o.Elements {
			got[string(o.Mark)+" "+o.Set.ElementString(e)] = e.Packets
		}
	}
	want0, want1 := "~ 203.0.113.1 . tcp . 80 . 0 : 192.168.1.1 . 80", "+ 203.0.113.1 . tcp . 80 . 1 : 192.168.1.3 . 80"
	if len(got) != 2 || got[want0] != 3 || got[want1] != 7 {
		t.Errorf("the new elements begin at %v", got)
	}
}

// A map that is made anew because it is full goes on counting: services, and each real server once.
func TestCarryToAMapMadeAnew(t *testing.T) {
	const web = "version: 1\nservices:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}\n"
	live := compiled.Table(t, []byte(web))
	want := compiled.Table(t, []byte(web+"  - {name: mail, vip: 203.0.113.2, ports: tcp/25, real_servers: [192.168.1.1, 192.168.1.2]}\n"))
	for name, packets := range map[string][]uint64{"services4": {9}, "turns4": {5, 4}} {
		s := live.Set(name)
		s.Size = uint32(len(s.Elements))
		for i, n := range packets {
			s.Elements[i].Packets, s.Elements[i].Bytes = n, 100*n
		}
	}
	if _, err := wire.Forms(live); err != nil {
		t.Fatal(err)
	}
	formed, err := wire.Forms(want)
	if err != nil {
		t.Fatal(err)
	}
	plan := readback.Carry(nft.Diff(live, formed))
	got := make(map[string]uint64)
	for _, o := range plan.Ops {
		for _, e := range o.Elements {
			if o.Mark == nft.Add && e.Bytes == 100*e.Packets && e.Packets > 0 {
				got[o.Set.ElementString(e)] += e.Packets
			}
		}
	}
	if len(got) != 3 || got[`203.0.113.1 . tcp . 80 comment "web" : goto rr4-2-145`] != 9 ||
		got["203.0.113.1 . tcp . 80 . 0 : 192.168.1.1 . 80"] != 5 || got["203.0.113.1 . tcp . 80 . 1 : 192.168.1.2 . 80"] != 4 {
		t.Errorf("the new elements begin at %v", got)
	}
	for _, e := range want.Set("services4").Elements {
		if e.Packets != 0 {
			t.Error("the ruleset that is wanted has changed")
		}
	}
}
