package compiler

import (
	"cmp"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// The sets of real servers hold what slots don't tell: weights that are not the number of
// slots, and real servers that have none because they drain or are down. No packet of a service without
// persistence asks for them. Of one with persistence they count the connections, since a
// client that has a real server already goes there without a slot.
//
//	servers4: 203.0.113.10 . tcp . 80 . 192.168.1.2 . 8080 comment "web: weight 3 port 8080"
//	servers4: 203.0.113.10 . tcp . 80 . 192.168.1.3 . 8080 comment "web: weight 3 port 8080 down"
//
// The variants "/range" and "/any" are those of services; with "/keep" the real server's port
// is what the client called, and left out.

// needsList tells whether a service's real servers of a family are listed.
func needsList(s *policy.Service, f inet.Family, slots []policy.RealServer) bool {
	var slot map[policy.RealServer]int // nil: each has one
	if s.Persistence.Timeout > 0 || len(slots) > len(s.RealServers) {
		slot = make(map[policy.RealServer]int, len(s.RealServers))
		for _, rs := range slots {
			slot[rs]++
		}
	}
	for _, rs := range s.RealServers {
		if inet.FamilyOf(rs.Addr) != f {
			continue
		}
		if s.Persistence.Timeout > 0 || !rs.Active() || rs.Weight != max(1, slot[rs]) {
			return true
		}
	}
	return false
}

// list enters the real servers of one VIP, protocol and port. As with laddrs, ports that other
// services took out of a range must not be found.
func (b *builder) list(s *policy.Service, sc *schedule, e endpoint, ports inet.PortRange) {
	for _, piece := range b.left(e, ports) {
		kind := e.kindOfPorts(piece)
		entered := make(map[string]bool)
		for _, rs := range s.RealServers {
			if inet.FamilyOf(rs.Addr) != sc.family {
				continue
			}
			keep := kind != layout.ExactPorts && rs.Port == 0
			key, end := b.serviceKeys(e, kind, piece)
			if b.wire.Addr(rs.Addr); !keep {
				b.wire.Port(cmp.Or(rs.Port, piece.First))
			}
			server := b.wire.Take()
			if key += server; end != "" {
				end += server
			}
			if entered[key] {
				continue // called at this port, it is the same as one with a port of its own
			}
			entered[key] = true
			m := b.set(serversName(sc.family, kind, keep))
			m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Comment: owner(s.Name, weightText(s, rs))})
		}
	}
}

func serversName(f inet.Family, kind layout.PortKind, keep bool) layout.Name {
	return layout.Name{Kind: layout.Servers, Family: f, Variant: layout.Variant{Ports: kind, Keep: keep}}
}

// weightText says in a comment what the key does not: the weight, and whether the port is the
// real server's own or what the client called.
func weightText(s *policy.Service, rs policy.RealServer) string {
	w := layout.Weight{Weight: rs.Weight, Port: rs.Port, Down: rs.Down}
	if !s.ByMark() && !slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return p.Ports != inet.PortRange{First: rs.Port, Last: rs.Port} }) {
		w.Port = 0
	}
	return w.String()
}

// countServers looks up the real server that a connection of a persistent service went to,
// just to count it.
func (b *builder) countServers() {
	for name, c := range b.chains {
		if name.Kind == layout.ChainRemember {
			c.Rules = append(b.serverRules(name), c.Rules...)
		}
	}
}

func (b *builder) serverRules(remember layout.Name) []nft.Rule {
	var rules []nft.Rule
	f := remember.Family
	for _, kind := range layout.PortKinds {
		if (kind == layout.ByMark) != (remember.Variant.Ports == layout.ByMark) {
			continue
		}
		for _, keep := range []bool{false, true} {
			set := serversName(f, kind, keep)
			if !b.has(set) {
				continue
			}
			key := append(flowKey(f, kind), fieldsOf(f).daddr)
			if !keep {
				key = append(key, nft.F(nft.Dport))
			}
			rules = append(rules, nft.Rule{Stmts: []nft.Stmt{nft.L4Is{Protos: transports}, nft.InSet{Key: key, Set: set.String()}}})
		}
	}
	return rules
}
