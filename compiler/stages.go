package compiler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// step is something that a service's connections pass before its scheduler: a check of
// their source, or a look whether the client has a real server already. Each is a chain for
// all services of a kind, with a map that says how each of them goes on.
type step interface {
	// enter enters one VIP, protocol and ports of the service into the stage's map.
	enter(b *builder, sc schedule, e endpoint, ports inet.PortRange)
}

// guardStage drops what `allow` and `deny` refuse. The map divides all sources into those that
// go on and those that are dropped, so that its elements count both.
type guardStage struct {
	service *policy.Service
	next    nft.Verdict
}

const (
	chainGuarded = "guarded"
	mapPermitted = "permitted" // source . VIP . protocol . port : on, or drop
)

// guard puts the check of the source before all other stages.
func (sc *schedule) guard(s *policy.Service) {
	if len(s.Allow) == 0 && len(s.Deny) == 0 {
		return
	}
	sc.stages = append(sc.stages, guardStage{s, sc.verdict})
	sc.verdict = nft.GotoChain(chainGuarded)
}

func (g guardStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	f := sc.family
	m := b.set(named(mapPermitted, f, sc.kind.variant()), nft.VerdictData, true, append([]nft.Type{nft.AddrType(f)}, serviceTypes(f, sc.kind)...)...)
	everyone := []inet.Range{inet.Everything(f)}
	allowed := everyone
	if len(g.service.Allow) > 0 {
		allowed = inet.Of(f, g.service.Allow)
	}
	allowed = inet.Subtract(allowed, inet.Of(f, g.service.Deny))
	enter := func(ranges []inet.Range, v nft.Verdict) {
		for _, r := range ranges {
			key, _ := b.serviceKeys(e, sc.kind, inet.PortRange{First: ports.First, Last: ports.First})
			end, _ := b.serviceKeys(e, sc.kind, inet.PortRange{First: ports.Last, Last: ports.Last})
			m.Elements = append(m.Elements, nft.Element{
				Key: b.wire.Addr(r.From).Take() + key, KeyEnd: b.wire.Addr(r.To).Take() + end, Verdict: v, Comment: g.service.Name})
		}
	}
	enter(allowed, g.next)
	enter(inet.Subtract(everyone, allowed), nft.Verdict{Kind: nft.Drop})
}

// guardRules looks up whether a source may use the service that it called.
func (b *builder) guardRules() {
	for _, kind := range []portKind{exactPorts, portRanges, allPorts} {
		for _, f := range inet.Families {
			if m := named(mapPermitted, f, kind.variant()); b.has(m) {
				key := append([]nft.Field{fieldsOf(f).saddr}, serviceKey(kind, fieldsOf(f).daddr, nft.F(nft.Dport))...)
				b.rule(chainGuarded, nft.Vmap{Key: key, Map: m})
			}
		}
	}
}

// stickyStage sends a client that has a real server there, and all others on.
type stickyStage struct {
	service *policy.Service
	next    nft.Verdict
}

const (
	mapSticky    = "sticky"    // client . VIP . protocol . port : real server; entered by the packet path
	mapScheduled = "scheduled" // VIP . protocol . port : the scheduler, for clients without a real server
	mapRemember  = "remember"  // VIP . protocol . port : the chain that enters the client
)

// stickyMap describes the map that holds the clients of some services.
type stickyMap struct {
	family inet.Family
	kind   portKind
	keep   bool   // clients' ports are kept, so that real servers stand without one
	seed   uint32 // of the hash of an IPv6 VIP
	port   uint16 // of IPv6 real servers, which stand without one; 0: they keep what the client called
}

// mapKind folds the kinds: a key with a port serves exact ones and ranges alike.
func (m stickyMap) variants() []string {
	var v []string
	if m.kind == allPorts {
		v = append(v, m.kind.variant())
		if m.keep && m.family == inet.V4 {
			v = append(v, "keep")
		}
	}
	return v
}

// nft 1.0.6 cannot enter an IPv6 address with a port as data, so there is a map for each port.
func (m stickyMap) portVariant() string {
	if m.port == 0 {
		return ""
	}
	return fmt.Sprintf("port-%d", m.port)
}

func (m stickyMap) name() string {
	return named(mapSticky, m.family, append(m.variants(), m.portVariant())...)
}

func (m stickyMap) data() nft.Data {
	switch {
	case m.family == inet.V6:
		return nft.Addr6
	case m.kind == allPorts && m.keep:
		return nft.Addr4
	}
	return nft.Addr4Port
}

// Seeds of the hashes that stand for IPv6 addresses in the keys of sticky maps: nft 1.0.6
// garbles keys of more than 16 bytes. Two clients with one hash share a real server, which
// is harmless; that no two VIPs do is made sure of (stickySeed).
const (
	stickyClientSeed = 0x1c11e27
	stickyVIPSeed    = 0x5e271ce
	hashSpan         = 1<<32 - 1
)

// key returns the fields of a key: the client, masked, and what it called.
func (m stickyMap) key(bits int, daddr, dport nft.Field) []nft.Field {
	client := fieldsOf(m.family).saddr
	if bits < 8*nft.AddrType(m.family).Width() {
		client.Bits = bits
	}
	var key []nft.Field
	if m.family == inet.V4 {
		key = []nft.Field{client, daddr, nft.F(nft.L4Proto)}
		if m.kind != allPorts {
			key = append(key, dport)
		}
		return key
	}
	hash := func(f nft.Field, seed uint32) nft.Field {
		return nft.Field{Kind: nft.JHash, Of: []nft.Field{f}, Mod: hashSpan, Seed: seed}
	}
	key = []nft.Field{hash(client, stickyClientSeed), hash(daddr, m.seed)}
	if m.kind != allPorts {
		key = append(key, dport)
	}
	return append(key, nft.F(nft.L4Proto))
}

func (m stickyMap) types() []nft.Type {
	var key []nft.Type
	if m.family == inet.V4 {
		key = []nft.Type{nft.IPv4, nft.IPv4, nft.Proto}
		if m.kind != allPorts {
			key = append(key, nft.Service)
		}
		return key
	}
	key = []nft.Type{nft.Slot, nft.Slot}
	if m.kind != allPorts {
		key = append(key, nft.Service)
	}
	return append(key, nft.Proto)
}

func maskOf(s *policy.Service, f inet.Family) int {
	if f == inet.V4 {
		return s.Persistence.Mask4
	}
	return s.Persistence.Mask6
}

// sticky puts the look for the client's real server before the scheduler.
func (sc *schedule) sticky(b *builder, s *policy.Service, scheduler nft.Verdict) {
	sc.verdict = scheduler
	if s.Persistence.Timeout == 0 {
		return
	}
	f := sc.family
	maps := b.stickyMaps(sc)
	bits := maskOf(s, f)
	chain := fmt.Sprintf("%s/%d", named(mapSticky, f, sc.kind.variant(), maps[0].keepVariant(), portsVariant(maps)), bits)
	next := named(mapScheduled, f, sc.kind.variant())
	b.set(next, nft.VerdictData, sc.kind == portRanges, serviceTypes(f, sc.kind)...)
	if b.chains[chain] == nil {
		for _, m := range maps {
			nat := nft.NAT{Key: m.key(bits, fieldsOf(f).daddr, nft.F(nft.Dport)), Map: m.name(), Data: m.data()}
			if m.port != 0 {
				nat.Ports = inet.PortRange{First: m.port, Last: m.port}
			}
			// NAT to a port, and hashes of ports, need to know that there are ports.
			b.rule(chain, nft.L4Is{Protos: transports}, nat)
		}
		b.rule(chain, nft.Vmap{Key: serviceKey(sc.kind, fieldsOf(f).daddr, nft.F(nft.Dport)), Map: next})
	}
	sc.stages = append(sc.stages, stickyStage{s, scheduler})
	sc.verdict = nft.GotoChain(chain)
}

func (m stickyMap) keepVariant() string {
	if m.keep && m.kind == allPorts && m.family == inet.V4 {
		return "keep"
	}
	return ""
}

// stickyMaps returns the maps that hold a service's clients, making them on first use: one,
// or for IPv6 one for each port that real servers have.
func (b *builder) stickyMaps(sc *schedule) []stickyMap {
	ports := []uint16{0}
	if sc.family == inet.V6 {
		ports = nil
		for _, rs := range sc.slots {
			ports = append(ports, rs.Port)
		}
		slices.Sort(ports)
		ports = slices.Compact(ports)
		slices.Reverse(ports) // that of no port comes last: see remember
	}
	maps := make([]stickyMap, len(ports))
	for i, port := range ports {
		maps[i] = stickyMap{sc.family, sc.kind, sc.keep, b.stickySeed, port}
		b.set(maps[i].name(), maps[i].data(), false, maps[i].types()...).Dynamic = true
	}
	return maps
}

// portsVariant names the ports of some sticky maps; "" where real servers have none.
func portsVariant(maps []stickyMap) string {
	var words []string
	for _, m := range maps {
		if m.port != 0 {
			words = append(words, strconv.Itoa(int(m.port)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	if len(words) < len(maps) {
		words = append(words, "own")
	}
	return "port-" + strings.Join(words, "-")
}

func (st stickyStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	m := b.sets[named(mapScheduled, sc.family, sc.kind.variant())]
	key, end := b.serviceKeys(e, sc.kind, ports)
	m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: st.next, Comment: st.service.Name})
}

// remember makes the packet path enter the clients of a service after their connection was
// sent on. As with laddrs, ports that other services took out of a range must not be found.
func (b *builder) remember(s *policy.Service, sc schedule, e endpoint, ports inet.PortRange) {
	f := sc.family
	maps := b.stickyMaps(&sc)
	bits := maskOf(s, f)
	chain := fmt.Sprintf("%s/%ds/%d", named(mapRemember, f, append(maps[0].variants(), portsVariant(maps))...), int(s.Persistence.Timeout/time.Second), bits)
	if b.chains[chain] == nil {
		for _, m := range maps {
			b.rule(chain, m.rememberRule(bits, s.Persistence.Timeout)...)
		}
	}
	for _, piece := range b.left(e, ports, func(claim) bool { return true }) {
		kind := kindOfPorts(piece)
		m := b.set(named(mapRemember, f, kind.variant()), nft.VerdictData, kind == portRanges, serviceTypes(f, kind)...)
		key, end := b.serviceKeys(e, kind, piece)
		m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: nft.JumpChain(chain), Comment: s.Name})
	}
}

// rememberRule enters a client. Where real servers have several ports, the one that the
// connection was sent to tells the map, and no other must hold the client.
func (m stickyMap) rememberRule(bits int, timeout time.Duration) []nft.Stmt {
	fs := fieldsOf(m.family)
	data := []nft.Field{fs.daddr}
	if len(m.data().Members()) > 1 {
		data = append(data, nft.F(nft.Dport))
	}
	update := nft.Update{Map: m.name(), Key: m.key(bits, fs.ctDaddr, nft.F(nft.CtDport)), Data: data, Timeout: timeout}
	if m.port == 0 {
		return []nft.Stmt{nft.L4Is{Protos: transports}, update}
	}
	return []nft.Stmt{nft.L4Is{Protos: transports}, nft.DportIs{Port: m.port}, update, nft.Give{Verdict: nft.Verdict{Kind: nft.Return}}}
}
