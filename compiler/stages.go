package compiler

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/compiler/layout"
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

// guard puts the check of the source before all other stages.
func (sc *schedule) guard(s *policy.Service) {
	if len(s.Allow) == 0 && len(s.Deny) == 0 {
		return
	}
	sc.stages = append(sc.stages, guardStage{s, sc.verdict})
	sc.verdict = gotoChain(layout.ChainGuarded.Name())
}

func (g guardStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	f := sc.family
	m := b.set(layout.Permitted.For(f, sc.kind))
	everyone := []inet.Range{inet.Everything(f)}
	allowed := everyone
	if len(g.service.Allow) > 0 {
		allowed = inet.Of(f, g.service.Allow)
	}
	allowed = inet.Subtract(allowed, inet.Of(f, g.service.Deny))
	enter := func(ranges []inet.Range, v nft.Verdict) {
		for _, r := range ranges {
			key, end := b.sourceKeys(m, e, sc.kind, ports, r)
			m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: v, Comment: g.service.Name})
		}
	}
	enter(allowed, g.next)
	enter(inet.Subtract(everyone, allowed), nft.Verdict{Kind: nft.Drop})
}

// guardRules looks up whether a source may use the service that it called.
func (b *builder) guardRules() {
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			if m := layout.Permitted.For(f, kind); b.has(m) {
				b.rule(layout.ChainGuarded.Name(), nft.Vmap{Key: withSource(f, kind, calledKey(f, kind)), Map: m.String()})
			}
		}
	}
}

// stickyStage sends a client that has a real server there, and all others on.
type stickyStage struct {
	service *policy.Service
	next    nft.Verdict
}

// stickyMap describes the map that holds the clients of some services.
type stickyMap struct {
	family inet.Family
	kind   layout.PortKind
	keep   bool   // clients' ports are kept, so that real servers are entered without one
	seed   uint32 // of the hash of an IPv6 VIP
	port   uint16 // of IPv6 real servers, which are entered without one; 0: they keep what the client called
}

// variant folds the kinds: a key with a port serves exact ones and ranges alike.
func (m stickyMap) variant() layout.Variant {
	if m.kind != layout.AllPorts && m.kind != layout.ByMark {
		return layout.Variant{}
	}
	return layout.Variant{Ports: m.kind, Keep: m.keep && m.family == inet.V4}
}

// name names the map. nft 1.0.6 cannot enter an IPv6 address with a port as data, so there is
// a map for each port.
func (m stickyMap) name() layout.Name {
	n := layout.Name{Kind: layout.Sticky, Family: m.family, Variant: m.variant()}
	if m.port != 0 {
		n.Variant.Servers = strconv.Itoa(int(m.port))
	}
	return n
}

// Seeds of the hashes in place of IPv6 addresses in the keys of sticky maps: nft 1.0.6
// garbles keys of more than 16 bytes. Two clients with one hash share a real server, which
// is harmless; that no two VIPs do is made sure of (stickySeed).
const (
	stickyClientSeed = 0x1c11e27
	stickyVIPSeed    = 0x5e271ce
	hashSpan         = 1<<32 - 1
)

// key returns the fields of a key: the client, masked, and what it called. Of services by mark the mark
// comes first, and a hash of the client behind it.
func (m stickyMap) key(bits int, mark, daddr, dport nft.Field) []nft.Field {
	client := fieldsOf(m.family).saddr
	if bits < 8*nft.AddrType(m.family).Width() {
		client.Bits = bits
	}
	hash := func(f nft.Field, seed uint32) nft.Field {
		return nft.Field{Kind: nft.JHash, Of: []nft.Field{f}, Mod: hashSpan, Seed: seed}
	}
	var key []nft.Field
	switch {
	case m.kind == layout.ByMark:
		return []nft.Field{mark, hash(client, stickyClientSeed)}
	case m.family == inet.V4:
		key = []nft.Field{client, daddr, nft.F(nft.L4Proto)}
		if m.kind != layout.AllPorts {
			key = append(key, dport)
		}
		return key
	}
	key = []nft.Field{hash(client, stickyClientSeed), hash(daddr, m.seed)}
	if m.kind != layout.AllPorts {
		key = append(key, dport)
	}
	return append(key, nft.F(nft.L4Proto))
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
	chain := layout.Name{Kind: layout.ChainSticky, Family: f, Variant: layout.Variant{
		Ports: sc.kind, Keep: maps[0].variant().Keep, Servers: portsVariant(maps), Bits: bits}}
	next := layout.Scheduled.For(f, sc.kind)
	b.set(next)
	if b.chains[chain] == nil {
		for _, m := range maps {
			nat := nft.NAT{Key: m.key(bits, packetMark, fieldsOf(f).daddr, nft.F(nft.Dport)), Map: b.set(m.name()).Name, Data: b.set(m.name()).Data}
			if m.port != 0 {
				nat.Ports = inet.PortRange{First: m.port, Last: m.port}
			}
			// NAT to a port, and hashes of ports, need to know that there are ports.
			b.rule(chain, nft.L4Is{Protos: transports}, nat)
		}
		b.rule(chain, nft.Vmap{Key: calledKey(f, sc.kind), Map: next.String()})
	}
	sc.stages = append(sc.stages, stickyStage{s, scheduler})
	sc.verdict = gotoChain(chain)
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
		maps[i] = stickyMap{sc.family, sc.kind, sc.keep, b.StickySeed, port}
		b.set(maps[i].name())
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
	return strings.Join(words, "-")
}

func (st stickyStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	m := b.sets[layout.Scheduled.For(sc.family, sc.kind)]
	key, end := b.serviceKeys(e, sc.kind, ports)
	m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: st.next, Comment: st.service.Name})
}

// remember makes the packet path enter the clients of a service after their connection was
// sent on.
func (b *builder) remember(s *policy.Service, sc *schedule, e endpoint, ports inet.PortRange) {
	f := sc.family
	maps := b.stickyMaps(sc)
	bits := maskOf(s, f)
	chain := layout.Name{Kind: layout.ChainRemember, Family: f, Variant: maps[0].variant()}
	chain.Variant.Servers, chain.Variant.Seconds, chain.Variant.Bits = portsVariant(maps), int(s.Persistence.Timeout/time.Second), bits
	if b.chains[chain] == nil {
		for _, m := range maps {
			b.rule(chain, m.rememberRule(bits, s.Persistence.Timeout)...)
		}
	}
	b.enterFront(layout.Remember, s, f, e, ports, jumpChain(chain))
}

// rememberRule enters a client. Where real servers have several ports, the one that the
// connection was sent to tells the map, and no other must hold the client.
func (m stickyMap) rememberRule(bits int, timeout time.Duration) []nft.Stmt {
	fs := fieldsOf(m.family)
	data := []nft.Field{fs.daddr}
	if len(m.name().Declare().Data.Members()) > 1 {
		data = append(data, nft.F(nft.Dport))
	}
	update := nft.Update{Map: m.name().String(), Key: m.key(bits, flowMark, fs.ctDaddr, nft.F(nft.CtDport)), Data: data, Timeout: timeout}
	if m.port == 0 {
		return []nft.Stmt{nft.L4Is{Protos: transports}, update}
	}
	return []nft.Stmt{nft.L4Is{Protos: transports}, nft.DportIs{Port: m.port}, update, nft.Give{Verdict: nft.Verdict{Kind: nft.Return}}}
}
