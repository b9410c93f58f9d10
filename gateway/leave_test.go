package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/policy"
)

// markedFlows is a flow table that is told new marks.
type markedFlows struct {
	heldFlows
	marked map[ct.Tuple]uint32
}

func (m *markedFlows) Remark(_ context.Context, keys []ctlink.Key, mark, mask uint32) (int, error) {
	for _, k := range keys {
		m.marked[k.Reply] = mark & mask
	}
	return len(keys), nil
}

// Of a dead uplink's flows those move whose laddr is good on another one, those end that cannot go on, and
// all that it does not carry are left alone.
func TestLeaveUplink(t *testing.T) {
	p := compiled.Policy(t, []byte(`version: 1
gateway: {uplinks: {isp1: {interface: wan0, gateway: 192.0.2.254}, isp2: {interface: wan1, gateway: 198.18.1.254}}}
laddrs: {own: 203.0.113.0/28}
zones:
  - {name: each, from: 10.1.0.0/16, uplink: [isp1, isp2], laddrs: {isp1: 192.0.2.10, isp2: 198.18.1.10}}
  - {name: shared, from: 10.2.0.0/16, uplink: [isp1, isp2], laddrs: own}
`))
	numbers := p.Gateway.Numbers()
	one, two := policy.UplinkMark(numbers["isp1"]), policy.UplinkMark(numbers["isp2"])
	var flows []ct.Flow
	add := func(proto inet.Proto, from, to, laddr string, mark uint32) {
		f := ct.Flow{Mark: mark, Status: ct.SeenReply, Orig: ct.Tuple{Proto: proto, Src: netip.MustParseAddrPort(from), Dst: netip.MustParseAddrPort(to)}}
		f.Reply = ct.Tuple{Proto: proto, Src: f.Orig.Dst, Dst: netip.AddrPortFrom(netip.MustParseAddr(laddr), f.Orig.Src.Port())}
		flows = append(flows, f)
	}
	add(inet.UDP, "10.1.0.1:1", "8.8.8.8:53", "192.0.2.10", one|7)
	add(inet.TCP, "10.1.0.1:2", "8.8.8.8:443", "192.0.2.10", one)
	add(inet.TCP, "10.1.0.1:3", "8.8.8.8:443", "198.18.1.10", two)
	add(inet.TCP, "10.2.0.1:4", "8.8.8.8:443", "203.0.113.1", one|7)
	add(inet.TCP, "10.2.0.1:5", "8.8.8.8:443", "203.0.113.1", two)
	add(inet.UDP, "10.1.0.1:6", "192.168.1.1:53", "10.1.0.1", one) // to the inside
	add(inet.TCP, "10.9.0.1:7", "8.8.8.8:443", "10.9.0.1", one)    // nobody chose its way
	add(inet.UDP, "10.1.0.1:8", "8.8.8.8:53", "192.0.2.10", 0)
	add(inet.TCP, "10.2.0.1:9", "203.0.113.20:443", "10.2.0.1", one|policy.UplinkCameIn) // from outside, as from a zone's source
	add(inet.UDP, "10.2.0.1:9", "203.0.113.20:443", "10.2.0.1", one|policy.UplinkCameIn)
	table := &markedFlows{heldFlows{flows: flows, deleted: map[ct.Tuple]bool{}}, map[ct.Tuple]uint32{}}
	l := departing(p.With(policy.State{Uplinks: map[string]policy.UplinkState{"isp1": {Down: true}}}), []string{"isp1"})
	l.ways = func(f *ct.Flow) []string {
		if f.Orig.Dst.Addr().IsPrivate() {
			return []string{"lan0"}
		}
		return []string{"wan0", "wan1"}
	}
	if err := l.list(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if err := l.carryOut(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range flows {
		switch mark, moved := table.marked[f.Reply]; {
		case moved && mark == two:
			got = append(got, "moved")
		case moved:
			got = append(got, fmt.Sprintf("marked %#x", mark))
		case table.deleted[f.Reply]:
			got = append(got, "ended")
		default:
			got = append(got, "stays")
		}
	}
	if d := cmp.Diff([]string{"ended", "ended", "stays", "moved", "stays", "stays", "stays", "stays", "stays", "ended"}, got); d != "" {
		t.Errorf("the flows (-want +got)\n%s", d)
	}
	if d := cmp.Diff(map[string]Left{"isp1": {Ended: 3, Moved: 1, Stay: 2}}, l.out); d != "" {
		t.Errorf("it tells (-want +got)\n%s", d)
	}
}
