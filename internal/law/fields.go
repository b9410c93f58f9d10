package law

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// load returns what a field reads, in wire form. It returns false where the packet has no
// such field: then the rule does not match.
func (w *walk) load(f nft.Field) (string, bool) {
	var wire nft.Wire
	addr := func(a netip.Addr, family inet.Family) (string, bool) {
		if family != w.family {
			return "", false
		}
		if f.Bits > 0 {
			p, err := a.Prefix(f.Bits)
			if err != nil {
				fail("%s: %v", f, err)
			}
			a = p.Addr()
		}
		return wire.Addr(a).Take(), true
	}
	port := func(p uint16) (string, bool) {
		if !w.pkt.Proto.HasPorts() {
			p = w.pkt.Junk
		}
		return wire.Port(p).Take(), true
	}
	mark := func(m uint32) (string, bool) {
		if f.And != 0 {
			m &= f.And
		}
		return wire.Mark(m).Take(), true
	}
	switch f.Kind {
	case nft.CtIPSaddr, nft.CtIP6Saddr, nft.CtIPDaddr, nft.CtIP6Daddr, nft.CtDport, nft.FlowMark:
		if w.pkt.Invalid || w.passedBy {
			return "", false
		}
	}
	switch f.Kind {
	case nft.IPSaddr:
		return addr(w.from.Addr(), inet.V4)
	case nft.IP6Saddr:
		return addr(w.from.Addr(), inet.V6)
	case nft.IPDaddr:
		return addr(w.to.Addr(), inet.V4)
	case nft.IP6Daddr:
		return addr(w.to.Addr(), inet.V6)
	case nft.CtIPSaddr:
		return addr(w.pkt.From.Addr(), inet.V4)
	case nft.CtIP6Saddr:
		return addr(w.pkt.From.Addr(), inet.V6)
	case nft.CtIPDaddr:
		return addr(w.pkt.To.Addr(), inet.V4)
	case nft.CtIP6Daddr:
		return addr(w.pkt.To.Addr(), inet.V6)
	case nft.L4Proto:
		return wire.Proto(w.pkt.Proto).Take(), true
	case nft.Sport:
		return port(w.from.Port())
	case nft.Dport:
		return port(w.to.Port())
	case nft.CtDport:
		return port(w.pkt.To.Port())
	case nft.IIfName:
		return wire.Ifname(w.iif()).Take(), w.iif() != ""
	case nft.OIfName:
		return wire.Ifname(w.oif()).Take(), w.oif() != ""
	case nft.PacketMark:
		return mark(w.packetMark)
	case nft.FlowMark:
		return mark(w.mark)
	case nft.JHash:
		return w.hash(f)
	case nft.Priority:
		if w.priority == "" {
			return wire.Class(0).Take(), true
		}
		return w.priority, true
	case nft.NumgenInc:
		if f.Mod == 1 {
			return wire.Slot(int(f.Base)).Take(), true
		}
	}
	fail("nobody can load %s", f)
	return "", false
}

// hash replaces jhash where its values are too many to try: equal fields give equal
// values, and that is all that rules may rely on.
func (w *walk) hash(f nft.Field) (string, bool) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/", f.Seed)
	for _, of := range f.Of {
		b, ok := w.load(of)
		if !ok {
			return "", false
		}
		h.Write([]byte(b))
	}
	var wire nft.Wire
	return wire.Slot(int(h.Sum64() % uint64(f.Mod))).Take(), true
}

// chance tells whether a field takes one of few values, all of which are tried.
func chance(f nft.Field) bool {
	const few = 1 << 16
	if f.Base > 0 && f.Mod == 1 {
		return false // a constant
	}
	return f.Kind == nft.NumgenInc || f.Kind == nft.NumgenRandom || f.Kind == nft.JHash && f.Mod <= few
}

// width returns the type that a field has in a key.
func typeOf(f nft.Field) nft.Type {
	switch f.Kind {
	case nft.IPSaddr, nft.IPDaddr, nft.CtIPSaddr, nft.CtIPDaddr:
		return nft.IPv4
	case nft.IP6Saddr, nft.IP6Daddr, nft.CtIP6Saddr, nft.CtIP6Daddr:
		return nft.IPv6
	case nft.L4Proto:
		return nft.Proto
	case nft.Priority:
		return nft.Class
	case nft.Sport, nft.Dport, nft.CtDport:
		return nft.Service
	case nft.IIfName, nft.OIfName:
		return nft.Ifname
	case nft.PacketMark, nft.FlowMark:
		return nft.FwMark
	}
	return nft.Slot
}

// turned returns a key that was loaded in the byte order in which a set compares it: marks among other members of
// ranges are big-endian.
func turned(s *nft.Set, key string) string {
	if !s.Interval || len(s.Key) < 2 || s.Key[0] != nft.FwMark || len(key) < nft.FwMark.Width() {
		return key
	}
	var wire nft.Wire
	return wire.MarkBig(binary.NativeEndian.Uint32([]byte(key))).Take() + key[nft.FwMark.Width():]
}

// values loads fields that must be of the given types.
func (w *walk) values(types []nft.Type, fields []nft.Field, what string) (string, bool) {
	if len(types) != len(fields) {
		fail("%s: %d fields for %d", what, len(fields), len(types))
	}
	var b strings.Builder
	for i, f := range fields {
		if typeOf(f) != types[i] {
			fail("%s: %s is of another type than the map's", what, f)
		}
		v, ok := w.load(f)
		if !ok {
			return "", false
		}
		b.WriteString(v)
	}
	return b.String(), true
}
