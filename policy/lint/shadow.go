package lint

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// most bounds how many pieces of one source are looked at: thousands of exceptions in one
// prefix are a plan, and the next finding is no news.
const most = 1000

// shadowed finds zones of which zones before them take a part, by conditions that are the
// same or none. What operators do on purpose every day is no finding: a last zone for
// everybody, and an exception inside of a wider zone where one of the two translates and the
// other does not.
func shadowed(r *run) {
	byConditions := make(map[string][]int)
	for i := range r.Zones {
		key := conditionsOf(&r.Zones[i])
		byConditions[key] = append(byConditions[key], i)
	}
	plain := r.sources(byConditions[""])
	for key, members := range byConditions {
		var same owners
		if key != "" && len(members) > 1 {
			same = r.sources(members)
		}
		for _, i := range members {
			if !r.leavesByUplink(&r.Zones[i]) || !r.shadow(plain, i) {
				r.shadow(same, i)
			}
		}
	}
}

// conditionsOf returns what beside the source must hold, in a form that can be compared;
// nothing is the empty string.
func conditionsOf(z *policy.Zone) string {
	if !z.Conditional() {
		return ""
	}
	return fmt.Sprint(inet.Merge(z.To), z.Ports, z.IIf, z.OIf)
}

// leavesByUplink tells whether all that the zone is about leaves where zones without
// conditions look, too.
func (r *run) leavesByUplink(z *policy.Zone) bool {
	if len(r.Gateway.Uplinks) == 0 {
		return true
	}
	for _, name := range z.OIf {
		if !inet.IsAnyInterface(r.Gateway.Uplinks, name) {
			return false
		}
	}
	return true
}

// sources returns which of some zones, in their order, owns which source. Owners are indexes
// of r.Zones.
func (r *run) sources(zones []int) owners {
	lists := make([][]inet.Range, len(zones))
	for n, i := range zones {
		lists[n] = r.Zones[i].From
	}
	out := ownersOf(lists)
	for n := range out {
		out[n].Owner = zones[out[n].Owner]
	}
	return out
}

// shadow reports a zone of which others take a part, once. It returns whether it did.
func (r *run) shadow(before owners, zone int) bool {
	z := &r.Zones[zone]
	for i, source := range z.From {
		if isEverything(source) {
			continue
		}
		piece, ok := r.taken(before, zone, source)
		if !ok {
			continue
		}
		other := &r.Zones[piece.Owner]
		part := common(piece.Range, source)
		r.find(z.Item("from", i), "zone "+z.Name, fmt.Sprintf("write zone %s before zone %s, or remove %s from one of the two", z.Name, other.Name, part),
			"zone %s (%s) comes first, takes %s of its sources and treats them differently: is that intended?", other.Name, other.Pos, part)
		return true
	}
	return false
}

// taken returns what another zone takes of a source, if that looks like an oversight.
func (r *run) taken(before owners, zone int, source inet.Range) (inet.Owned, bool) {
	z := &r.Zones[zone]
	var exception inet.Owned
	whole, next := true, source.From // all up to next is taken
	pieces := before.from(source.From)
	for _, piece := range pieces[:min(len(pieces), most)] {
		if !piece.Range.Overlaps(source) {
			break
		}
		if piece.Owner >= zone {
			continue
		}
		part := common(piece.Range, source)
		whole = whole && part.From == next
		next = part.To.Next()
		other := &r.Zones[piece.Owner]
		switch {
		case sameOutcome(z, other):
		case part == source, part != piece.Range && !within(other.From, part, source), z.ChangesSource() && other.ChangesSource():
			return piece, true
		case exception.Range.Family() == 0:
			exception = piece
		}
	}
	if whole && exception.Range.Family() != 0 && (!next.IsValid() || source.To.Less(next)) {
		return exception, true
	}
	return inet.Owned{}, false
}

// within tells whether one of the ranges holds some of part and nothing beyond whole.
func within(ranges []inet.Range, part, whole inet.Range) bool {
	return slices.ContainsFunc(ranges, func(r inet.Range) bool { return r.Overlaps(part) && whole.Covers(r) })
}

// sameOutcome tells whether two zones do the same with a connection.
func sameOutcome(a, b *policy.Zone) bool {
	if a.Action != b.Action || a.Map != b.Map || !slices.Equal(a.Exclude, b.Exclude) {
		return false
	}
	if a.UplinkLaddrs != nil || b.UplinkLaddrs != nil || a.Uplink.String() != b.Uplink.String() {
		return false
	}
	if a.Laddrs == nil || b.Laddrs == nil {
		return a.Laddrs == b.Laddrs
	}
	same := func(x, y policy.Laddr) bool { return x.Range == y.Range && x.Weight == y.Weight }
	return a.Select == b.Select && (a.Laddrs == b.Laddrs ||
		a.Laddrs.Name == b.Laddrs.Name && slices.EqualFunc(a.Laddrs.Laddrs, b.Laddrs.Laddrs, same))
}
