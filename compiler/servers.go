package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// The sets of real servers hold what slots don't tell: weights that are not the number of
// slots, and real servers that have none because they drain. No packet of a service without
// persistence asks for them. Of one with persistence they count the connections, since a
// client that has a real server already goes there without a slot.
//
//	servers4: 203.0.113.10 . tcp . 80 . 192.168.1.2 . 8080 comment "web: weight 3 port 8080"
//
// The variants "/range" and "/any" are those of services; with "/keep" the real server's port
// is what the client called, and left out.

// needsList tells whether a service's real servers of a family are listed.
func needsList(s *policy.Service, f inet.Family, slots []policy.RealServer) bool {
	slot := make(map[policy.RealServer]int)
	if s.Persistence.Timeout > 0 || len(slots) > len(s.RealServers) {
		for _, rs := range slots {
			slot[rs]++
		}
	}
	for _, rs := range s.RealServers {
		if inet.FamilyOf(rs.Addr) != f {
			continue
		}
		if s.Persistence.Timeout > 0 || rs.Weight == 0 || rs.Weight != max(1, slot[rs]) {
			return true
		}
	}
	return false
}

// list enters the real servers of one VIP, protocol and port. As with laddrs, ports that other
// services took out of a range must not be found.
func (b *builder) list(s *policy.Service, sc schedule, e endpoint, ports inet.PortRange) {
	for _, piece := range b.left(e, ports, func(claim) bool { return true }) {
		kind := kindOfPorts(piece)
		entered := make(map[string]bool)
		for _, rs := range s.RealServers {
			if inet.FamilyOf(rs.Addr) != sc.family {
				continue
			}
			keep := kind != exactPorts && rs.Port == 0
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
			m := b.set(serversName(sc.family, kind, keep), nft.NoData, kind == portRanges, serverTypes(sc.family, kind, keep)...)
			m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Comment: owner(s.Name, weightText(s, rs))})
		}
	}
}

func serversName(f inet.Family, kind portKind, keep bool) string {
	if keep {
		return named(setServers, f, kind.variant(), "keep")
	}
	return named(setServers, f, kind.variant())
}

func serverTypes(f inet.Family, kind portKind, keep bool) []nft.Type {
	key := append(serviceTypes(f, kind), nft.AddrType(f))
	if !keep {
		key = append(key, nft.Service)
	}
	return key
}

// weightText says in a comment what the key does not: the weight, and whether the port is the
// real server's own or what the client called.
func weightText(s *policy.Service, rs policy.RealServer) string {
	if rs.Port == 0 || !slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return p.Ports != inet.PortRange{First: rs.Port, Last: rs.Port} }) {
		return fmt.Sprintf("weight %d", rs.Weight)
	}
	return fmt.Sprintf("weight %d port %d", rs.Weight, rs.Port)
}

// parseWeight reads weightText; false for something else.
func parseWeight(text string) (weight int, port uint16, ok bool) {
	words := strings.Fields(text)
	if len(words) < 2 || words[0] != "weight" {
		return 0, 0, false
	}
	weight, err := strconv.Atoi(words[1])
	if err != nil || weight < 0 {
		return 0, 0, false
	}
	if len(words) == 4 && words[2] == "port" {
		n, err := strconv.ParseUint(words[3], 10, 16)
		return weight, uint16(n), err == nil
	}
	return weight, 0, len(words) == 2
}

// countServers looks up the real server that a connection of a persistent service went to,
// just to count it.
func (b *builder) countServers() {
	for name, c := range b.chains {
		for _, f := range inet.Families {
			if isKind(name, mapRemember) && strings.HasPrefix(name, named(mapRemember, f)) {
				c.Rules = append(b.serverRules(f), c.Rules...)
			}
		}
	}
}

func (b *builder) serverRules(f inet.Family) []nft.Rule {
	var rules []nft.Rule
	for _, kind := range []portKind{exactPorts, portRanges, allPorts} {
		for _, keep := range []bool{false, true} {
			set := serversName(f, kind, keep)
			if !b.has(set) {
				continue
			}
			fs := fieldsOf(f)
			key := append(serviceKey(kind, fs.ctDaddr, nft.F(nft.CtDport)), fs.daddr)
			if !keep {
				key = append(key, nft.F(nft.Dport))
			}
			rules = append(rules, nft.Rule{Stmts: []nft.Stmt{nft.L4Is{Protos: transports}, nft.InSet{Key: key, Set: set}}})
		}
	}
	return rules
}
