package compiler

import (
	"net/netip"
	"strconv"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// service puts a service into the maps.
func (b *builder) service(s *policy.Service) {
	b.serve(s)
	b.lasting(s)
}

// serve enters what depends on the real servers: where VIPs lead, which real server each slot of
// the schedule is, and who is remembered or gets another source.
func (b *builder) serve(s *policy.Service) {
	kind := kindOf(s)
	for _, f := range inet.Families {
		if !s.Called(f) {
			continue
		}
		sched := b.schedule(s, f, kind)
		frontsOf(s, f, func(e endpoint, ports inet.PortRange) { b.port(s, &sched, e, ports) })
	}
}

// lasting enters what no State changes: VIPs as such, what is set on connections, and the laddrs of
// FULLNAT.
func (b *builder) lasting(s *policy.Service) {
	b.limitService(s)
	for _, f := range inet.Families {
		if b.zonesDecide() {
			b.enterVIPs(s.VIP, f)
		}
		b.serviceTimeouts(s, f)
		b.serviceHelpers(s, f)
		b.synProxy(s, f)
		if s.Mode != policy.FullNAT || len(b.ranges(s.Laddrs, f)) == 0 {
			continue
		}
		// Even without real servers: those that drain keep their flows.
		frontsOf(s, f, func(e endpoint, ports inet.PortRange) { b.fullNAT(s, f, e, ports) })
	}
}

// enterVIPs enters VIPs where postrouting and forward look whether a service sent a
// connection on, or somebody else's DNAT.
func (b *builder) enterVIPs(vips []netip.Addr, f inet.Family) {
	for _, vip := range vips {
		if inet.FamilyOf(vip) != f || b.vips[vip] {
			continue
		}
		b.vips[vip] = true
		m := b.set(layout.VIPs.Of(f))
		m.Elements = append(m.Elements, nft.Element{Key: b.wire.Addr(vip).Take()})
	}
}

// schedule is how one family of a service chooses among its real servers.
type schedule struct {
	family  inet.Family
	kind    layout.PortKind
	verdict nft.Verdict         // where the service's VIPs lead: the first stage
	stages  []step              // what comes between that and the scheduler
	slots   []policy.RealServer // the real server of each slot; none: no real server takes connections
	slotMap *nft.Set            // nil: the service has a table of its own
	vips    *nft.Set            // the set that holds the service's VIPs
	hairpin []inet.Range        // callers that get another source
	keep    bool                // the map gives no port: the client's stays
	listed  bool                // its real servers are listed with their weights
}

func (b *builder) schedule(s *policy.Service, f inet.Family, kind layout.PortKind) schedule {
	sc := schedule{family: f, kind: kind, slots: slotsOf(s, f)}
	sc.listed = needsList(s, f, sc.slots)
	if sc.vips = b.fronts[f][kind]; sc.vips == nil {
		sc.vips = b.set(layout.Services.For(f, kind))
		b.fronts[f][kind] = sc.vips
	}
	if s.Mode == policy.NAT {
		sc.hairpin = s.Hairpins(f)
	}
	if len(sc.slots) == 0 {
		sc.verdict = emptyVerdict(s.OnEmpty)
		sc.guard(s)
		return sc
	}
	sc.keep = kind != layout.ExactPorts && sc.slots[0].Port == 0
	n := len(sc.slots)
	gen, scheduler := generator(s, f, n)
	list, chain := layout.Slots.For(f, kind), layout.ChainSchedule.For(f, kind)
	chain.Variant.Scheduler, chain.Variant.Slots = scheduler, n
	switch lane := b.Lanes[s.Name]; {
	case lane.has(f): // also while a single real server is left, so that its slot stays where it is
		list.Kind = layout.Turns
		chain.Variant.Lane = strconv.Itoa(lane.Number)
	case n == 1:
		chain.Variant.Scheduler = string(policy.RoundRobin)
		gen = nft.Field{Kind: nft.NumgenInc, Mod: 1}
	case takesTurns(s.Scheduler):
		chain.Variant.Lane = layout.Shared
		gen.Kind = nft.NumgenRandom
	}
	if kind == layout.PortRanges && n > fewSlots {
		sc.ownTable(b, s, chain, gen)
		sc.prepare(b, s)
		sc.limit(b, s)
		sc.guard(s)
		return sc
	}
	if kind == layout.ExactPorts {
		list.Variant.Part = b.part(s)
	}
	list.Variant.Keep, chain.Variant.Keep = sc.keep, sc.keep
	if list.Kind == layout.Slots { // a lane has a chain of its own already
		list.Variant.Uncounted, chain.Variant.Part = !b.CountsSlots, list.Variant.Part
	}
	at := b.seat(list, chain)
	sc.slotMap = at.slots
	if len(at.chain.Rules) == 0 {
		key := append(calledKey(f, kind), gen)
		nat := nft.NAT{Key: key, Map: sc.slotMap.Name, Data: sc.slotMap.Data}
		if (kind == layout.PortRanges || kind == layout.ByMark) && !sc.keep {
			// nft does not see the port in a key of ranges or marks, and wants the transport matched.
			b.rule(chain, nft.L4Is{Protos: transports}, nat)
		} else {
			b.rule(chain, nat)
		}
	}
	sc.sticky(b, s, nft.GotoChain(at.chain.Name))
	sc.prepare(b, s)
	sc.mark(b, s)
	sc.limit(b, s)
	sc.guard(s)
	return sc
}

// fewSlots is how many slots a service may have in a map whose keys are ranges of ports. nft
// 1.0.6 swaps the bytes of a slot when it loads such a map and that is long.
const fewSlots = 32

// ownTable gives the service a map of slots of its own, which needs neither VIP nor ports.
func (sc *schedule) ownTable(b *builder, s *policy.Service, chain layout.Name, gen nft.Field) {
	chain.Variant.Ports, chain.Object = layout.ExactPorts, layout.Object{Of: layout.OfService, Name: s.Name}
	m := b.set(layout.Name{Kind: layout.Table, Family: sc.family, Object: chain.Object})
	m.Data = layout.SlotData(sc.family, sc.keep)
	for i, rs := range sc.slots {
		if b.wire.Addr(rs.Addr); !sc.keep {
			b.wire.Port(rs.Port)
		}
		data := b.wire.Take()
		m.Elements = append(m.Elements, nft.Element{Key: b.wire.Slot(i).Take(), Data: data})
	}
	b.rule(chain, nft.L4Is{Protos: transports}, nft.NAT{Key: []nft.Field{gen}, Map: m.Name, Data: m.Data})
	sc.sticky(b, s, gotoChain(chain))
}

// slotsOf returns the schedule table of one family of a service.
func slotsOf(s *policy.Service, f inet.Family) []policy.RealServer {
	active := s.Active(f)
	if len(active) < 2 || s.Scheduler == policy.RoundRobin {
		return active
	}
	counts := policy.Shares(weightsOf(active), s.MostSlots())
	if s.Scheduler != policy.Maglev {
		return pick(active, interleave(counts))
	}
	names := make([]string, len(active))
	for i, rs := range active {
		names[i] = rs.String()
	}
	return pick(active, maglev(names, counts, maglevSize(len(s.RealServers))))
}

// generator returns how a service chooses a slot, and the name of the chains that do so.
// Least-connection schedulers take turns by weight until an agent feeds them.
func generator(s *policy.Service, f inet.Family, slots int) (nft.Field, string) {
	g := nft.Field{Kind: nft.NumgenInc, Mod: uint32(slots)}
	name := "rr"
	hash := func(what nft.Field, scheduler policy.Scheduler) {
		g.Kind, g.Of, g.Seed = nft.JHash, []nft.Field{what}, hashSeed
		name = string(scheduler)
	}
	switch s.Scheduler {
	case policy.WeightedRoundRobin, policy.LeastConn, policy.WeightedLeastConn:
		name = "wrr"
	case policy.Random:
		g.Kind, name = nft.NumgenRandom, "random"
	case policy.SourceHash, policy.Maglev:
		hash(fieldsOf(f).saddr, s.Scheduler)
	case policy.DestinationHash:
		hash(fieldsOf(f).daddr, s.Scheduler)
	}
	return g, name
}

func emptyVerdict(e policy.OnEmpty) nft.Verdict {
	switch e {
	case policy.EmptyDrop:
		return nft.Verdict{Kind: nft.Drop}
	case policy.EmptyPass:
		return nft.Verdict{Kind: nft.Accept}
	}
	return gotoChain(layout.ChainRefused.Name())
}

// portKey returns the fields by which a service on ports of some kind is looked up.
func portKey(kind layout.PortKind, daddr, dport nft.Field) []nft.Field {
	key := []nft.Field{daddr, nft.F(nft.L4Proto)}
	if kind != layout.AllPorts {
		key = append(key, dport)
	}
	return key
}

// pieces returns the ports of a service that a map of its kind holds. Ranges in one map must not
// overlap; the dispatch order settles the rest.
func (a *Arrangement) pieces(e endpoint, kind layout.PortKind, ports inet.PortRange) []inet.PortRange {
	if kind != layout.PortRanges {
		return []inet.PortRange{ports}
	}
	return a.leftBy(e, ports, func(c claim) bool { return c.kind == layout.PortRanges })
}

// port enters one VIP, protocol and port of a service.
func (b *builder) port(s *policy.Service, sc *schedule, e endpoint, ports inet.PortRange) {
	for _, piece := range b.pieces(e, sc.kind, ports) {
		key, end := b.serviceKeys(e, sc.kind, piece)
		sc.vips.Elements = append(sc.vips.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: sc.verdict, Comment: s.Name})
		if sc.slotMap != nil {
			for i := range sc.slots {
				b.slot(sc, e, piece, i, &sc.slots[i])
			}
		}
		for _, st := range sc.stages {
			st.enter(b, *sc, e, piece)
		}
	}
	if sc.listed {
		b.list(s, sc, e, ports)
	}
	if s.Persistence.Timeout > 0 && len(sc.slots) > 0 {
		b.remember(s, sc, e, ports)
	}
	if s.SynProxy.On && e.proto == inet.TCP && len(sc.slots) > 0 {
		b.answer(s, sc.family, e, ports)
	}
	if len(sc.hairpin) > 0 {
		b.hairpin(s, sc.hairpin, e, ports)
	}
}

// enterFront enters one VIP, protocol and port of a service into the sets of a kind. As with laddrs, ports that
// other services took out of a range must not be found. The zero verdict is for sets without data.
func (b *builder) enterFront(kind layout.Kind, s *policy.Service, f inet.Family, e endpoint, ports inet.PortRange, v nft.Verdict) {
	for _, piece := range b.left(e, ports) {
		ports := e.kindOfPorts(piece)
		set := b.set(kind.For(f, ports))
		key, end := b.serviceKeys(e, ports, piece)
		set.Elements = append(set.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: v, Comment: s.Name})
	}
}

// serviceKeys returns the key of a service's element, and its end in maps of ranges.
func (b *builder) serviceKeys(e endpoint, kind layout.PortKind, ports inet.PortRange) (key, end string) {
	if kind == layout.ByMark {
		return b.wire.Mark(e.mark).Take(), ""
	}
	w := b.wire.Addr(e.vip).Proto(e.proto)
	switch kind {
	case layout.AllPorts:
		return w.Take(), ""
	case layout.ExactPorts:
		return w.Port(ports.First).Take(), ""
	}
	return w.Port(ports.First).Take(), b.wire.Addr(e.vip).Proto(e.proto).Port(ports.Last).Take()
}

func (b *builder) slot(sc *schedule, e endpoint, ports inet.PortRange, slot int, rs *policy.RealServer) {
	var el nft.Element
	called := func() *nft.Wire { return b.wire.Addr(e.vip).Proto(e.proto) }
	switch sc.kind {
	case layout.ByMark:
		el.Key = b.wire.Mark(e.mark).Slot(slot).Take()
	case layout.AllPorts:
		el.Key = called().Slot(slot).Take()
	case layout.ExactPorts:
		el.Key = called().Port(ports.First).Slot(slot).Take()
	case layout.PortRanges:
		el.Key = called().Port(ports.First).SlotBig(slot).Take()
		el.KeyEnd = called().Port(ports.Last).SlotBig(slot).Take()
	}
	port := rs.Port
	if port == 0 {
		port = ports.First // of an exact port: its own
	}
	if b.wire.Addr(rs.Addr); !sc.keep {
		b.wire.Port(port)
	}
	el.Data = b.wire.Take()
	sc.slotMap.Elements = append(sc.slotMap.Elements, el)
}

// fullNAT enters the laddrs of one VIP, protocol and port of a FULLNAT service. They are
// looked up by what the client called, so ports that another service took out of a range
// must not be found here: that service may be one that keeps the client's address.
func (b *builder) fullNAT(s *policy.Service, f inet.Family, e endpoint, ports inet.PortRange) {
	for _, piece := range b.left(e, ports) {
		kind := e.kindOfPorts(piece)
		t := b.translation(s.Laddrs, f, s.Select, poolOf{service: s})
		name := layout.Name{Kind: layout.Laddrs, Family: f, Variant: t.variant()}
		if t.chain != (layout.Name{}) {
			name.Kind = layout.LaddrsIn
		}
		name.Variant.Ports = kind
		m := b.set(name)
		key, end := b.serviceKeys(e, kind, piece)
		el := nft.Element{Key: key, KeyEnd: end, Comment: owner(s.Name, s.Laddrs.Name)}
		if t.chain != (layout.Name{}) {
			el.Verdict = gotoChain(t.chain)
		} else {
			el.Data = t.bytes
		}
		m.Elements = append(m.Elements, el)
	}
}
