package ct

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Index finds the zone or service that a flow belongs to, without walking the whole policy. It
// is immutable and safe for concurrent use. The zero value, and a nil one, is the index of no
// policy at all.
type Index struct {
	bindings Bindings
	doors    doors                   // services by VIP, protocol and port: IPv4
	fronts   map[front]card          // and IPv6; port 0 means any
	marks    map[marked]card         // services by mark
	ranges   map[front][]portSpan    // services by VIP and protocol (port 0) that take ranges of ports
	cards    cards                   // services with their real servers
	first    []int32                 // how many real servers the services before have; of all at the end
	many     map[serverKey]int32     // of services that have many, or any of IPv6
	sources  []span                  // zones without conditions, by source
	choices  []span                  // sources of zones with conditions
	chosen   [][]int                 // what choices counts: zones in their order
	inbound  []span                  // maps, by their outer addresses
	maps     []zoneMap               // what inbound counts
	laddrs   []span                  // all that zones and services translate to: a zone, or a service behind all zones
	names    map[string]int32        // zones by name
	local    map[netip.Addr]struct{} // addresses of this host
	ways     Ways                    // nil: not known
}

// front is a place where services take connections.
type front struct {
	vip   netip.Addr
	proto inet.Proto
	port  uint16
}

type portSpan struct {
	ports inet.PortRange
	of    card
}

// serverKey is a real server of a service.
type serverKey struct {
	service int32
	at      netip.AddrPort
}

// zoneMap is a 1:1 translation and its zone.
type zoneMap struct {
	Map
	zone int32
}

// none is the index of nothing.
const none = -1

// NewIndex prepares a policy's bindings for questions. local lists the addresses of this
// host: what masquerading translates to, and whose own connections belong to no zone.
// b must not change afterwards. Where two services have one front, or two plain zones one
// source, which no compiled policy has, the first has it.
func NewIndex(b Bindings, local []netip.Addr) *Index {
	x := &Index{
		bindings: b,
		fronts:   make(map[front]card),
		ranges:   make(map[front][]portSpan),
		cards:    newCards(b.Services),
		first:    make([]int32, 1, len(b.Services)+1),
		many:     make(map[serverKey]int32),
		names:    make(map[string]int32, len(b.Zones)),
		local:    make(map[netip.Addr]struct{}, len(local)),
	}
	for _, a := range local {
		x.local[a] = struct{}{}
	}
	fronts := 0
	for i := range b.Services {
		fronts += len(b.Services[i].Fronts)
	}
	x.doors = newDoors(fronts)
	for i := range b.Services {
		x.enterService(int32(i), &b.Services[i])
	}
	for _, spans := range x.ranges {
		slices.SortStableFunc(spans, func(a, b portSpan) int { return cmp.Compare(a.ports.First, b.ports.First) })
	}
	x.enterZones(b.Zones)
	x.enterLaddrs()
	return x
}

func (x *Index) enterService(i int32, s *Service) {
	of := x.cards.of[i]
	for _, f := range s.Fronts {
		if f.Mark != 0 {
			if x.marks == nil {
				x.marks = make(map[marked]card)
			}
			if _, taken := x.marks[f.markOf()]; !taken {
				x.marks[f.markOf()] = of
			}
			continue
		}
		key := front{f.VIP, f.Ports.Proto, f.Ports.Ports.First}
		switch r := f.Ports.Ports; {
		case r == inet.AnyPort:
			key.port = 0
		case !r.Single():
			key.port = 0
			x.ranges[key] = append(x.ranges[key], portSpan{r, of})
			continue
		}
		if key.vip.Is4() {
			x.doors.enter(key, of)
		} else if _, taken := x.fronts[key]; !taken {
			x.fronts[key] = of
		}
	}
	x.enterServers(i, s)
}

func (x *Index) enterZones(zones []Zone) {
	plain := make([][]inet.Range, len(zones))
	conditional := make([][]inet.Range, len(zones))
	var outside [][]inet.Range
	for i := range zones {
		z := &zones[i]
		if z.conditional() {
			conditional[i] = z.Sources
		} else {
			plain[i] = z.Sources
		}
		x.names[z.Name] = int32(i)
		for _, m := range z.Maps {
			x.maps = append(x.maps, zoneMap{m, int32(i)})
			outside = append(outside, []inet.Range{m.Outside})
		}
	}
	x.sources = spans(plain)
	x.inbound = spans(outside)
	for i, s := range inet.Arrange(conditional) {
		x.choices = append(x.choices, span{s.Range.From, s.Range.To, int32(i)})
		x.chosen = append(x.chosen, s.Owners)
	}
}

// enterLaddrs notes who has which laddr; of several that share one the first.
func (x *Index) enterLaddrs() {
	var lists [][]inet.Range
	add := func(pools []Pool, maps []Map) {
		var of []inet.Range
		for _, p := range pools {
			of = append(of, p.Laddrs...)
		}
		for _, m := range maps {
			of = append(of, m.Outside)
		}
		lists = append(lists, of)
	}
	for i := range x.bindings.Zones {
		add(x.bindings.Zones[i].Pools, x.bindings.Zones[i].Maps)
	}
	for i := range x.bindings.Services {
		add(x.bindings.Services[i].Pools, nil)
	}
	x.laddrs = spans(lists)
}

// conditional tells whether the zone decides by more than the source.
func (z *Zone) conditional() bool { return len(z.To) > 0 || len(z.Ports) > 0 || z.interfaces() }

// service returns the card of the service that takes connections to a destination, or none: by
// its exact port before a range, by a range before any port.
func (x *Index) service(proto inet.Proto, to netip.AddrPort) card {
	if s := x.exactly(front{to.Addr(), proto, to.Port()}); s >= 0 {
		return s
	}
	whole := front{vip: to.Addr(), proto: proto}
	if spans := x.ranges[whole]; len(spans) > 0 {
		n, exact := slices.BinarySearchFunc(spans, to.Port(), func(s portSpan, port uint16) int { return cmp.Compare(s.ports.First, port) })
		if exact {
			return spans[n].of
		}
		if n > 0 && spans[n-1].ports.Contains(to.Port()) {
			return spans[n-1].of
		}
	}
	return x.exactly(whole)
}

// exactly returns the card of one front's service, or none.
func (x *Index) exactly(f front) card {
	if f.vip.Is4() {
		return x.doors.get(f)
	}
	if s, ok := x.fronts[f]; ok {
		return s
	}
	return none
}

// hasService tells whether there is a service of that name.
func (x *Index) hasService(name string) bool {
	_, ok := slices.BinarySearchFunc(x.bindings.Services, name, func(s Service, name string) int { return cmp.Compare(s.Name, name) })
	return ok
}

// zone returns the zone of that name, nil if there is none.
func (x *Index) zone(name string) *Zone {
	if i, ok := x.names[name]; ok {
		return &x.bindings.Zones[i]
	}
	return nil
}

// isLocal tells whether an address is this host's.
func (x *Index) isLocal(a netip.Addr) bool {
	_, ok := x.local[a]
	return ok
}
