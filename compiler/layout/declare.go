package layout

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Declare returns the set or map of that name without elements: its name says all about it.
// One thing it does not: the data of a Table whose real servers keep the client's port are
// addresses alone (SlotData).
func (n Name) Declare() *nft.Set {
	s := &nft.Set{Name: n.String(), Counter: n.Counts()}
	addr, ports := nft.AddrType(n.Family), n.Variant.Ports
	switch n.Kind {
	case Uplinks, IIf, OIf:
		s.Key = []nft.Type{nft.Ifname}
	case Entering, Leaving:
		s.Key, s.Data = []nft.Type{nft.Ifname}, nft.VerdictData
	case Proxied, NoChance:
		s.Key, s.Interval = ServiceKey(n.Family, ports), ports == PortRanges
	case Chance:
		s.Key = []nft.Type{addr}
	case VIPs:
		s.Key, s.Interval = []nft.Type{addr}, n.Variant.Mapped
	case Marks, ChanceMark:
		s.Key = []nft.Type{nft.FwMark}
	case AfterMark:
		s.Key, s.Data = []nft.Type{nft.FwMark}, nft.VerdictData
	case Services, Admitted, Scheduled, Helpers, Onward, Remember, LaddrsIn, Handshakes, TimedServices:
		s.Key, s.Interval, s.Data = ServiceKey(n.Family, ports), ports == PortRanges, nft.VerdictData
	case Limited:
		s.Key, s.Interval, s.Data = ServiceKey(n.Family, ports), ports == PortRanges, nft.ClassData
	case Over:
		s.Key, s.Data = []nft.Type{n.number()}, nft.VerdictData
	case Rates, Clients, HeldClients:
		s.Key, s.Dynamic, s.Counting, s.Size = []nft.Type{n.number(), addr}, true, n.Kind == Clients, LimitedClients
	case Open, HeldParts:
		s.Key, s.Dynamic, s.Counting, s.Size = []nft.Type{n.number(), nft.Slot}, true, n.Kind == Open, LimitedParts
	case Permitted:
		s.Key, s.Interval, s.Data = SourceKey(n.Family, ports), true, nft.VerdictData
	case Sticky:
		s.Key, s.Data, s.Dynamic = n.stickyKey(), n.stickyData(), true
	case Turns, Slots:
		s.Key, s.Interval, s.Data = append(ServiceKey(n.Family, ports), nft.Slot), ports == PortRanges, SlotData(n.Family, n.Variant.Keep)
	case Table:
		s.Key, s.Data = []nft.Type{nft.Slot}, SlotData(n.Family, false)
	case Servers:
		s.Key, s.Interval = append(ServiceKey(n.Family, ports), addr), ports == PortRanges
		if !n.Variant.Keep {
			s.Key = append(s.Key, nft.Service)
		}
	case Hairpin:
		s.Key, s.Interval = SourceKey(n.Family, ports), ports == PortRanges || n.Variant.Prefix
	case Laddrs:
		s.Key, s.Interval, s.Data = ServiceKey(n.Family, ports), ports == PortRanges, n.rangeData()
	case Inbound, Mapped, Zones, Own:
		s.Key, s.Interval, s.Data = []nft.Type{addr}, n.Variant.Bits == 0, n.rangeData()
	case ZoneHelpers:
		s.Key, s.Interval, s.Data = []nft.Type{addr, nft.Proto, nft.Service}, true, nft.VerdictData
	case Blocks:
		s.Key, s.Data = []nft.Type{addr}, nft.AddrRange4Port
	case LimitedZones, LimitedRejects, Timed, Segments, Conditional, Elsewhere, Excludes, Actions, Rejects, Does, RefuseConditional, RefuseElsewhere, RefuseDoes:
		s.Key, s.Interval, s.Data = []nft.Type{addr}, true, nft.VerdictData
	case Ways, WayConditional, Laddrless:
		s.Key, s.Interval, s.Data = []nft.Type{addr}, true, nft.VerdictData
	case Marked:
		s.Key, s.Data = []nft.Type{nft.FwMark}, nft.VerdictData
	case Choice:
		s.Key, s.Data = []nft.Type{nft.Slot}, nft.VerdictData
	case Conditions:
		s.Key = []nft.Type{nft.Slot}
	case To, Exclude, Drained:
		s.Key, s.Interval = []nft.Type{addr}, true
	case Ports:
		s.Key, s.Interval = []nft.Type{nft.Proto, nft.Service}, true
	case Pool:
		s.Key, s.Data = []nft.Type{nft.Slot}, SlotData(n.Family, true)
	}
	return s
}

// Counts tells whether the set's elements count what hits them: the new connections of
// services, of real servers, and of zones. Nothing else in the table counts.
func (n Name) Counts() bool {
	switch n.Kind {
	case Over, Admitted, Services, Permitted, Proxied, Turns, Table, Servers, Inbound:
		return true
	case Slots:
		return !n.Variant.Uncounted
	}
	return n.Kind.BySource()
}

// How many clients, and parts of objects, limits keep in mind at a time. One more is not
// limited by client, and not counted in all.
const (
	LimitedClients = 1 << 18
	LimitedParts   = 1 << 16
)

// number is the type of an object's number in the keys of limits.
func (n Name) number() nft.Type {
	if n.Variant.Zones {
		return nft.Slot
	}
	return nft.Class
}

// ServiceKey is what services are found by: VIP, protocol, and the port unless they take all; or their mark.
func ServiceKey(f inet.Family, ports PortKind) []nft.Type {
	if ports == ByMark {
		return append(make([]nft.Type, 0, 5), nft.FwMark)
	}
	key := append(make([]nft.Type, 0, 5), nft.AddrType(f), nft.Proto)
	if ports != AllPorts {
		key = append(key, nft.Service)
	}
	return key
}

// SourceKey is what sources are found by that call a service: the source comes first, but behind a mark,
// since nft 1.0.6 lists a masked field in a way that it cannot load unless that is the first.
func SourceKey(f inet.Family, ports PortKind) []nft.Type {
	if ports == ByMark {
		return append(ServiceKey(f, ports), nft.AddrType(f))
	}
	return append([]nft.Type{nft.AddrType(f)}, ServiceKey(f, ports)...)
}

// SlotData is what maps of slots hold: an address, and a port unless the client's is kept.
func SlotData(f inet.Family, keep bool) nft.Data {
	switch {
	case f == inet.V4 && keep:
		return nft.Addr4
	case f == inet.V4:
		return nft.Addr4Port
	case keep:
		return nft.Addr6
	}
	return nft.Addr6Port
}

// rangeData is what maps of translations hold: a range of addresses, and of ports if bound.
func (n Name) rangeData() nft.Data {
	switch {
	case n.Family == inet.V6:
		return nft.AddrRange6
	case n.Variant.Bound:
		return nft.AddrRange4Port
	}
	return nft.AddrRange4
}

// stickyKey is client, VIP, protocol and port, or the mark and a hash of the client. For IPv6 there are hashes in place of the addresses: nft
// 1.0.6 garbles keys of more than 16 bytes.
func (n Name) stickyKey() []nft.Type {
	if n.Variant.Ports == ByMark {
		return []nft.Type{nft.FwMark, nft.Slot}
	}
	ported := n.Variant.Ports != AllPorts
	if n.Family == inet.V4 {
		key := []nft.Type{nft.IPv4, nft.IPv4, nft.Proto}
		if ported {
			key = append(key, nft.Service)
		}
		return key
	}
	key := []nft.Type{nft.Slot, nft.Slot}
	if ported {
		key = append(key, nft.Service)
	}
	return append(key, nft.Proto)
}

func (n Name) stickyData() nft.Data {
	return SlotData(n.Family, n.Family == inet.V6 || n.Variant.Keep && n.Variant.Ports != ExactPorts)
}

// FrontOf returns what tells where a service takes connections apart from where others do: a key of one of
// its maps. A mark alone does not tell the family.
func FrontOf(s *nft.Set, key string) string {
	if len(s.Key) == 0 || s.Key[0] != nft.FwMark {
		return key
	}
	n, _ := ParseSet(s.Name)
	return n.Family.String() + key
}

// SlotFront returns the key of the service that an element of a map of slots belongs to: the key
// less the slot, of ranges at both ends.
func SlotFront(e *nft.Element) string {
	w := nft.Slot.Width()
	if len(e.Key) < w {
		return ""
	}
	key := e.Key[:len(e.Key)-w]
	if len(e.KeyEnd) >= w {
		key += e.KeyEnd[:len(e.KeyEnd)-w]
	}
	return key
}
