package policy

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Leaving is a connection through an uplink that went down.
type Leaving struct {
	Proto    inet.Proto
	From, To netip.AddrPort // as it was opened
	Laddr    netip.Addr     // its source as it leaves; zero: it keeps its own
	Service  bool           // its destination was translated
	Answered bool           // it was established
	CameIn   bool           // it was opened from outside, by the uplink
}

// Leave says what becomes of a connection through an uplink that is down. If goes is false it stays as it is:
// nothing better is there, or it was opened from outside and is established, and may live to see the uplink
// return. Otherwise it goes on by the uplink that is named, since its laddr is one that the zone has there,
// too; without a name it ends, so that the next packet begins a new connection.
func (p *Policy) Leave(uplink string, l Leaving) (to string, goes bool) {
	z := p.binds(uplink, l)
	if l.CameIn || z == nil {
		return "", l.Proto != inet.TCP || !l.Answered
	}
	ways := p.Gateway.Ways(z.Uplink, inet.FamilyOf(l.From.Addr()))
	if len(ways) == 0 || slices.ContainsFunc(ways, func(u *Uplink) bool { return u.Name == uplink }) {
		return "", false
	}
	for _, u := range ways {
		if z.keeps(&p.Gateway, l, u) {
			return u.Name, true
		}
	}
	return "", true
}

// binds returns the zone that sent a connection through an uplink; nil: none did. By which interface it came
// in is not known any more.
func (p *Policy) binds(uplink string, l Leaving) *Zone {
	pkt := Packet{Proto: l.Proto, From: l.From, To: l.To}
	for i := range p.Zones {
		z := &p.Zones[i]
		if len(z.OIf) > 0 || !z.Uplink.Written() || !contains(z.From, l.From.Addr()) {
			continue
		}
		pkt.IIf = ""
		if len(z.IIf) > 0 {
			pkt.IIf = z.IIf[0]
		}
		if p.differsBefore(z, &pkt) == "" && (z.Uplink.Balance || slices.Contains(z.Uplink.Names, uplink)) {
			return z
		}
	}
	return nil
}

// keeps tells whether a connection of the zone can have the same source on another uplink.
func (z *Zone) keeps(g *Gateway, l Leaving, u *Uplink) bool {
	switch {
	case !l.Laddr.IsValid():
		return z.Action != Masquerade
	case z.Action == Masquerade:
		return false
	case z.Map.Family() != 0:
		return z.Map.Contains(l.Laddr)
	}
	pool := z.PoolThrough(g, u.Interface)
	return pool != nil && slices.ContainsFunc(pool.Laddrs, func(a Laddr) bool { return a.Range.Contains(l.Laddr) })
}
