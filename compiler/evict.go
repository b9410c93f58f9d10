package compiler

import (
	"maps"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Evict returns a service's fragment with the slots of real servers that go given to those that
// take connections in to, the fragment of the same service in another state. Nothing but the data
// of these slots changes, which the kernel takes without looking at any chain again; the service's
// own counter and the slots of those that stay go on counting. Real servers are listed as they are
// in to, for reports. Clients that a persistent service keeps with a server that goes are not in
// the fragment: see Clients.
//
// It returns false where data alone does not do: no real server of a family would be left, so that
// the service leads elsewhere (on_empty), or the others are called at ports of another kind.
//
// The service then chooses among more slots, or fewer, than it needs. Outline.Change leads on to
// the fragment that it shall have.
func (f Fragment) Evict(to Fragment) (Fragment, bool) {
	out := Fragment{maps.Clone(f.sets), f.chains, f.objects}
	stays := to.slotData()
	for name, set := range f.sets {
		if !name.Kind.HoldsSlots() && name.Kind != layout.Table {
			continue
		}
		evicted := *set
		evicted.Elements = slices.Clone(set.Elements)
		for rest := evicted.Elements; len(rest) > 0; {
			n := firstSchedule(rest)
			if !evictSlots(rest[:n], stays.of(name, &rest[0]), set.Data.Width()) {
				return Fragment{}, false
			}
			rest = rest[n:]
		}
		out.sets[name] = &evicted
	}
	for name, set := range to.sets { // where none need be listed any more they still are: some may have no slot yet
		if name.Kind == layout.Servers {
			out.sets[name] = set
		}
	}
	return out, true
}

// firstSchedule counts the elements of the first schedule of a map of slots: those of one VIP,
// protocol and ports, or a whole table, are adjacent.
func firstSchedule(slots []nft.Element) int {
	front, n := layout.SlotFront(&slots[0]), 1
	for n < len(slots) && layout.SlotFront(&slots[n]) == front {
		n++
	}
	return n
}

// schedules are the data of a service's slots, in their order, by family and front.
type schedules map[scheduleKey][]nft.Element

type scheduleKey struct {
	family inet.Family
	front  string // "": any, of a service whose slots know no ports
}

// slotData collects the data of the slots of a fragment.
func (f Fragment) slotData() schedules {
	out := make(schedules)
	for name, set := range f.sets {
		if !name.Kind.HoldsSlots() && name.Kind != layout.Table {
			continue
		}
		for rest := set.Elements; len(rest) > 0; {
			n := firstSchedule(rest)
			k := scheduleKey{name.Family, layout.SlotFront(&rest[0])}
			out[k] = rest[:n]
			if name.Variant.Ports == layout.PortRanges || name.Kind == layout.Table {
				out[scheduleKey{family: name.Family}] = rest[:n] // the same at each of its ports
			}
			rest = rest[n:]
		}
	}
	return out
}

// of returns the slots of the schedule that an element belongs to.
func (s schedules) of(name layout.Name, e *nft.Element) []nft.Element {
	if slots, ok := s[scheduleKey{name.Family, layout.SlotFront(e)}]; ok {
		return slots
	}
	return s[scheduleKey{family: name.Family}]
}

// evictSlots gives the slots of one schedule to servers that take connections in another; false:
// there are none, or their data does not fit into width bytes.
func evictSlots(slots, to []nft.Element, width int) bool {
	if len(to) == 0 || len(to[0].Data) != width {
		return false
	}
	stays := make(map[string]bool)
	for i := range to {
		stays[to[i].Data] = true
	}
	next := 0
	for i := range slots {
		switch {
		case stays[slots[i].Data]:
		case len(slots) == len(to): // what it becomes in the end: so a hash moves no more clients than it must
			slots[i].Data = to[i].Data
		default:
			slots[i].Data = to[next%len(to)].Data
			next++
		}
	}
	return true
}
