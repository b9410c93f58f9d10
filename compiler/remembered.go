package compiler

import (
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Sent is a connection that a service sent to a real server.
type Sent struct {
	Proto  inet.Proto
	Client netip.Addr
	Called netip.AddrPort
	Server netip.AddrPort
	Mark   uint32 // of the flow: what services by mark called
}

// Remembered is what a persistent service has entered of a client.
type Remembered struct {
	Map     string // the name of the sticky map
	Entry   nft.Element
	Timeout time.Duration // how long it stays if the client does not come again
}

// Remember returns the entry that the packet path made of a connection when it began; false if it made
// none, or one of a real server that takes no connections of that service now.
func (c *Clients) Remember(f Sent) (r Remembered, ok bool) {
	s := c.idx.services.Service(f.Proto, f.Called)
	if s == nil && f.Mark != 0 {
		s = c.idx.services.Marked(inet.FamilyOf(f.Client), f.Mark)
	}
	if s == nil || s.Persistence.Timeout == 0 {
		return r, false
	}
	active := s.Active(inet.FamilyOf(f.Client))
	ported := func(rs policy.RealServer) bool { return rs.Port == f.Server.Port() }
	if !slices.ContainsFunc(active, func(rs policy.RealServer) bool {
		return rs.Addr == f.Server.Addr() && (ported(rs) || rs.Port == 0 && f.Server.Port() == f.Called.Port())
	}) {
		return r, false
	}
	m := stickyMap{family: inet.FamilyOf(f.Client), kind: kindOf(s), seed: c.idx.seed}
	m.keep = m.kind != layout.ExactPorts && active[0].Port == 0
	if m.family == inet.V6 && slices.ContainsFunc(active, ported) {
		m.port = f.Server.Port()
	}
	var w nft.Wire
	set := m.name().Declare()
	r = Remembered{Map: set.Name, Timeout: s.Persistence.Timeout}
	if w.Addr(f.Server.Addr()); len(set.Data.Members()) > 1 {
		w.Port(f.Server.Port())
	}
	r.Entry.Data = w.Take()
	m.keyOf(&w, f, maskOf(s, m.family))
	r.Entry.Key = w.Take()
	return r, true
}

// keyOf is what key gives for a connection.
func (m stickyMap) keyOf(w *nft.Wire, f Sent, bits int) {
	client, _ := f.Client.Prefix(bits)
	hashed := int(addrHash(client.Addr(), stickyClientSeed))
	switch {
	case m.kind == layout.ByMark:
		w.Mark(f.Mark).Slot(hashed)
		return
	case m.family == inet.V4:
		w.Addr(client.Addr()).Addr(f.Called.Addr()).Proto(f.Proto)
	default:
		w.Slot(hashed).Slot(int(addrHash(f.Called.Addr(), m.seed)))
	}
	if m.kind != layout.AllPorts {
		w.Port(f.Called.Port())
	}
	if m.family == inet.V6 {
		w.Proto(f.Proto)
	}
}
