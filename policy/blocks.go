package policy

import (
	"math/big"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Blocks of source ports (RFC 7422): where a pool has `block`, every source of the zones
// that use the pool has the same ports of the same laddr for ever, so that no log is needed
// to tell who was behind them. It is plain counting, for each family on its own:
//
//   - the sources are numbered from 0 on: zone after zone that uses the pool, and in each
//     range after range of its `from`, as written;
//   - every laddr, in the order written, has as many blocks as fit into the pool's ports;
//   - source number i gets block i.
//
// A source that several ranges hold has the number that it got first.

// defaultBlockPorts is what blocks are cut from where the pool names no ports: all but the
// well-known ones.
var defaultBlockPorts = inet.PortRange{First: 1024, Last: 65535}

// BlockOf returns the laddr and the ports that a source has in a pool with `block`, and
// false where it has none: it is no source of a zone that uses the pool, or the pool is
// used up (which validation refuses). The zones are all of the policy.
func BlockOf(p *Pool, zones []Zone, source netip.Addr) (laddr netip.Addr, ports inet.PortRange, ok bool) {
	t := Blocks(p, zones, inet.FamilyOf(source))
	which, ports, ok := t.Of(source)
	if !ok {
		return netip.Addr{}, inet.PortRange{}, false
	}
	return t.Laddr(which), ports, true
}

// BlockTable counts blocks for many sources of one family.
type BlockTable struct {
	sources, laddrs []inet.Range
	perLaddr        int64
	first           uint16
	size            int
}

// Blocks returns the blocks of a pool for the sources of one family.
func Blocks(p *Pool, zones []Zone, f inet.Family) BlockTable {
	return BlockTable{sourcesOf(p, zones, f), p.blockLaddrs(f), p.blocksPerLaddr(), p.blockPorts().First, p.Block}
}

// Of returns the number of a source's laddr, and its ports, as BlockOf does.
func (t BlockTable) Of(source netip.Addr) (laddr int, ports inet.PortRange, ok bool) {
	n, found := indexOf(t.sources, source)
	if !found || t.perLaddr == 0 || !n.IsInt64() {
		return 0, inet.PortRange{}, false
	}
	which, block := n.Int64()/t.perLaddr, n.Int64()%t.perLaddr
	if big.NewInt(which).Cmp(total(t.laddrs)) >= 0 {
		return 0, inet.PortRange{}, false
	}
	first := int64(t.first) + block*int64(t.size)
	return int(which), inet.PortRange{First: uint16(first), Last: uint16(first + int64(t.size) - 1)}, true
}

// Laddr returns the laddr of a number.
func (t BlockTable) Laddr(n int) netip.Addr {
	a, _ := nth(t.laddrs, big.NewInt(int64(n)))
	return a
}

// SubscriberOf returns the source whose block holds a port of a laddr. It is BlockOf the
// other way round.
func SubscriberOf(p *Pool, zones []Zone, laddr netip.Addr, port uint16) (source netip.Addr, ok bool) {
	f := inet.FamilyOf(laddr)
	which, found := indexOf(p.blockLaddrs(f), laddr)
	perLaddr := p.blocksPerLaddr()
	if !found || perLaddr == 0 || !p.blockPorts().Contains(port) {
		return netip.Addr{}, false
	}
	block := (int64(port) - int64(p.blockPorts().First)) / int64(p.Block)
	if block >= perLaddr {
		return netip.Addr{}, false // what is left over behind the last whole block
	}
	n := new(big.Int).Mul(which, big.NewInt(perLaddr))
	source, ok = nth(sourcesOf(p, zones, f), n.Add(n, big.NewInt(block)))
	if !ok {
		return netip.Addr{}, false
	}
	// A source that is listed twice has the first of its blocks only.
	owner, ports, ok := BlockOf(p, zones, source)
	return source, ok && owner == laddr && ports.Contains(port)
}

// blockPorts returns the ports that blocks are cut from.
func (p *Pool) blockPorts() inet.PortRange {
	if p.Ports.IsZero() {
		return defaultBlockPorts
	}
	return p.Ports
}

func (p *Pool) blocksPerLaddr() int64 {
	if p.Block == 0 {
		return 0
	}
	return int64(p.blockPorts().Len() / p.Block)
}

// blockLaddrs returns the laddrs of one family in the order written.
func (p *Pool) blockLaddrs(f inet.Family) (out []inet.Range) {
	for _, l := range p.Laddrs {
		if l.Range.Family() == f {
			out = append(out, l.Range)
		}
	}
	return out
}

// sourcesOf returns the sources of one family of all zones that use a pool.
func sourcesOf(p *Pool, zones []Zone, f inet.Family) (out []inet.Range) {
	for i := range zones {
		if zones[i].Laddrs == p {
			out = append(out, inet.Of(f, zones[i].From)...)
		}
	}
	return out
}

// total is the number of addresses in ranges.
func total(rs []inet.Range) *big.Int {
	sum := new(big.Int)
	for _, r := range rs {
		sum.Add(sum, size(r))
	}
	return sum
}

// indexOf returns how many addresses come before a, counting through the ranges.
func indexOf(rs []inet.Range, a netip.Addr) (*big.Int, bool) {
	n := new(big.Int)
	for _, r := range rs {
		if r.Contains(a) {
			return n.Add(n, distanceOf(r.From, a)), true
		}
		n.Add(n, size(r))
	}
	return nil, false
}

// nth returns the address before which n others come, counting through the ranges.
func nth(rs []inet.Range, n *big.Int) (netip.Addr, bool) {
	n = new(big.Int).Set(n)
	for _, r := range rs {
		if n.Cmp(size(r)) >= 0 {
			n.Sub(n, size(r))
			continue
		}
		sum := n.Add(n, number(r.From))
		a, ok := netip.AddrFromSlice(sum.FillBytes(make([]byte, len(r.From.AsSlice()))))
		return a, ok
	}
	return netip.Addr{}, false
}

func size(r inet.Range) *big.Int {
	n := distanceOf(r.From, r.To)
	return n.Add(n, big.NewInt(1))
}

// distanceOf returns how far b lies behind a.
func distanceOf(a, b netip.Addr) *big.Int { return new(big.Int).Sub(number(b), number(a)) }

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }
