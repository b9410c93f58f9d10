package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// flowOf is a flow to a service as conntrack has it.
func flowOf(proto inet.Proto, vip, server string, status ct.Status, state ct.TCPState) ct.Flow {
	client := netip.MustParseAddrPort("10.1.5.9:1024")
	return ct.Flow{Status: status, TCPState: state, Orig: ct.Tuple{Proto: proto, Src: client, Dst: netip.MustParseAddrPort(vip)},
		Reply: ct.Tuple{Proto: proto, Src: netip.MustParseAddrPort(server), Dst: client}}
}

// on_down decides which flows of a real server that is down end; those of others, and of the same
// server behind another service, never do.
func TestEndFlows(t *testing.T) {
	p := compiled.Policy(t, []byte(`version: 1
services:
  - {name: exact, vip: 203.0.113.1, ports: [tcp/80, udp/80], real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: wide, vip: 203.0.113.1, ports: [tcp/79-90], real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: ported, vip: 203.0.113.2, ports: [tcp/80, udp/80], real_servers: ["192.168.1.1:8080", 192.168.1.1]}
`))
	const established = ct.TCPState(3)
	answered := ct.SeenReply | ct.Assured
	flows := []ct.Flow{
		0: flowOf(inet.TCP, "203.0.113.1:80", "192.168.1.1:80", answered, established),
		1: flowOf(inet.TCP, "203.0.113.1:80", "192.168.1.1:80", 0, ct.SynSent),
		2: flowOf(inet.TCP, "203.0.113.1:80", "192.168.1.1:80", ct.SeenReply, ct.SynRecv),
		3: flowOf(inet.UDP, "203.0.113.1:80", "192.168.1.1:80", answered, 0),
		4: flowOf(inet.UDP, "203.0.113.1:80", "192.168.1.2:80", answered, 0),
		5: flowOf(inet.TCP, "203.0.113.1:81", "192.168.1.1:81", 0, ct.SynSent),
		6: flowOf(inet.UDP, "203.0.113.2:80", "192.168.1.1:8080", answered, 0),
		7: flowOf(inet.UDP, "203.0.113.2:80", "192.168.1.1:80", answered, 0),
		8: flowOf(inet.UDP, "203.0.113.9:80", "192.168.1.1:80", answered, 0), // another table's
	}
	zoned := flowOf(inet.UDP, "203.0.113.1:80", "192.168.1.1:80", answered, 0)
	zoned.CTZone = 7
	flows = append(flows, zoned)
	for i := range flows { // so that what is deleted is known by its answers
		flows[i].Reply.Dst = netip.AddrPortFrom(flows[i].Reply.Dst.Addr(), uint16(2000+i))
	}
	exact := Down{"exact", netip.MustParseAddrPort("192.168.1.1:0")}
	for _, c := range []struct {
		downs  []Down
		onDown policy.OnDown
		want   []int // flows
		counts []int
	}{
		{[]Down{exact}, policy.DownAuto, []int{1, 2, 3}, []int{3}},
		{[]Down{exact}, policy.DownEnd, []int{0, 1, 2, 3}, []int{4}},
		{[]Down{exact}, policy.DownKeep, nil, []int{0}},
		{[]Down{{"wide", exact.Server}, {"ported", netip.MustParseAddrPort("192.168.1.1:8080")}, {"nobody", exact.Server}}, policy.DownAuto, []int{5, 6}, []int{1, 1, 0}},
	} {
		f := &Force{called: p.Called, written: make(map[string]*policy.Service)}
		for i := range p.Services {
			p.Services[i].OnDown = c.onDown
			f.written[p.Services[i].Name] = &p.Services[i]
		}
		table := &heldFlows{flows: flows, deleted: make(map[ct.Tuple]bool)}
		ended, err := f.endFlows(t.Context(), table, c.downs, f.toEnd(c.downs))
		if err != nil || !slices.Equal(ended, c.counts) {
			t.Errorf("%v, %s: ended %v, %v; want %v", c.downs, c.onDown, ended, err, c.counts)
		}
		var gone []int
		for i := range flows {
			if table.deleted[flows[i].Reply] {
				gone = append(gone, i)
			}
		}
		if !slices.Equal(gone, c.want) {
			t.Errorf("%v, %s: flows %v end, want %v", c.downs, c.onDown, gone, c.want)
		}
	}
}

// A listing that fails ends what it has found, and says so.
func TestEndFlowsFails(t *testing.T) {
	p := compiled.Policy(t, []byte("version: 1\nservices:\n"+webOf+"[192.168.1.1]}\n"))
	f := &Force{called: p.Called, written: map[string]*policy.Service{"web": &p.Services[0]}}
	table := held(3, map[string][]string{"203.0.113.1:80": {"192.168.1.1:80"}})
	table.listErr = errors.New("no more")
	downs := []Down{{"web", netip.MustParseAddrPort("192.168.1.1:0")}}
	ended, err := f.endFlows(t.Context(), table, downs, f.toEnd(downs))
	if fmt.Sprint(ended, err) != "[3] list the flows: no more" {
		t.Errorf("%v, %v", ended, err)
	}
}

// A real server that is down, or closed by its service, is no reason for a cleanup to end flows.
func TestDownIsNotStale(t *testing.T) {
	p := compiled.Policy(t, []byte("version: 1\nservices:\n"+webOf+"[192.168.1.1, 192.168.1.2]}\n"))
	table := held(2, map[string][]string{"203.0.113.1:80": {"192.168.1.1:80", "192.168.1.2:80"}})
	for _, st := range []policy.ServiceState{
		{Closed: true},
		{Servers: map[netip.AddrPort]policy.ServerState{netip.MustParseAddrPort("192.168.1.1:0"): {Weight: 1, Down: true}}},
	} {
		for _, now := range []*policy.Policy{p, p.With(policy.State{Services: map[string]policy.ServiceState{"web": st}})} {
			stale, _, err := findStale(t.Context(), table, ct.Contradicts, []*nft.Ruleset{compiled.Ruleset(t, p)}, compiled.Ruleset(t, now))
			if err != nil || len(stale) > 0 {
				t.Errorf("%+v: %v, %v", st, stale, err)
			}
		}
	}
}
