package compiler

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Evict returns a service's fragment with the slots of real servers that go, or drain, given to
// those that stay, in the order of their slots and so by their weights. Nothing but the data of
// these slots changes, which the kernel takes without looking at any chain again; the service's
// own counter and the slots of those that stay go on counting. Clients that a persistent service
// keeps with a server that goes are not in the fragment: see StaleClients.
//
// It returns false where no real server of a family would be left: then the service leads
// elsewhere (on_empty), which only a compile can tell.
//
// The service then chooses among more slots than it needs. Compile makes its table anew, and
// nft.Diff leads from one to the other.
func (f Fragment) Evict(s *policy.Service, gone []policy.RealServer) (Fragment, bool) {
	out := Fragment{make(map[layout.Name]*nft.Set, len(f.sets)), f.chains}
	for name, set := range f.sets {
		out.sets[name] = set
		if !name.Kind.HoldsSlots() && name.Kind != layout.Table {
			continue
		}
		evicted := *set
		evicted.Elements = slices.Clone(set.Elements)
		for rest := evicted.Elements; len(rest) > 0; {
			n := 1 // the slots of one VIP, protocol and ports are adjacent
			for n < len(rest) && layout.SlotFront(&rest[n]) == layout.SlotFront(&rest[0]) {
				n++
			}
			if !evictSlots(name, rest[:n], s, gone) {
				return Fragment{}, false
			}
			rest = rest[n:]
		}
		out.sets[name] = &evicted
	}
	return out, true
}

// evictSlots gives the slots of one schedule that belong to servers that go to the others;
// false: there are none.
func evictSlots(name layout.Name, slots []nft.Element, s *policy.Service, gone []policy.RealServer) bool {
	var stays []string
	goes := make([]bool, len(slots))
	for i := range slots {
		at := slotServer(name, &slots[i])
		is := func(rs policy.RealServer) bool { return at.is(rs) }
		goes[i] = slices.ContainsFunc(gone, is) && !slices.ContainsFunc(s.RealServers, func(rs policy.RealServer) bool {
			return is(rs) && rs.Weight > 0 && !slices.Contains(gone, rs)
		})
		if !goes[i] {
			stays = append(stays, slots[i].Data)
		}
	}
	if len(stays) == 0 {
		return false
	}
	next := 0
	for i := range slots {
		if goes[i] {
			slots[i].Data = stays[next%len(stays)]
			next++
		}
	}
	return true
}

// slotTarget is the real server of a slot.
type slotTarget struct {
	addr   netip.Addr
	port   uint16 // 0: the client's is kept
	called uint16 // the port that the slot's key holds; 0: none
}

func slotServer(name layout.Name, e *nft.Element) slotTarget {
	width := nft.AddrType(name.Family).Width()
	addr, _ := netip.AddrFromSlice([]byte(e.Data[:width]))
	t := slotTarget{addr: addr}
	if len(e.Data) > width {
		t.port = binary.BigEndian.Uint16([]byte(e.Data[width:]))
	}
	if name.Kind != layout.Table && name.Variant.Ports == layout.ExactPorts {
		t.called = binary.BigEndian.Uint16([]byte(e.Key[width+nft.Proto.Width():]))
	}
	return t
}

// is tells whether the slot is a real server's. One without a port of its own is called at
// the port that the client called.
func (t slotTarget) is(rs policy.RealServer) bool {
	return t.addr == rs.Addr && (rs.Port == t.port || rs.Port == 0 && t.port == t.called)
}

// PlanTo returns what turns a fragment that is in a table into another one with the same
// sets: elements alone. It returns false where sets or chains differ, which others may use too.
func (f Fragment) PlanTo(to Fragment, table string) (nft.Plan, bool) {
	if len(f.sets) != len(to.sets) || len(f.chains) != len(to.chains) {
		return nft.Plan{}, false
	}
	for name := range to.chains {
		if f.chains[name] == nil {
			return nft.Plan{}, false
		}
	}
	live, want := &nft.Ruleset{Table: table}, &nft.Ruleset{Table: table}
	for _, name := range inOrder(to.sets, func(s *nft.Set) string { return s.Name }) {
		if f.sets[name] == nil {
			return nft.Plan{}, false
		}
		live.Sets, want.Sets = append(live.Sets, f.sets[name]), append(want.Sets, to.sets[name])
	}
	live.Comment, want.Comment = layout.TableComment, layout.TableComment
	formed, err := nft.Forms(want, func(nft.Rule, func(string) bool) (string, error) { return "", nil })
	return nft.Diff(live, formed), err == nil // there are no rules
}
