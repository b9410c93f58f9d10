package ct

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Owner is the zone or service of a policy that a flow belongs to. The zero value is none.
//
// The tuples alone tell. If the destination is translated, the flow belongs to the service
// that takes connections there (or to a 1:1 map). If only the source is translated, it
// belongs to the zone that decides about such connections and has that laddr. A flow that is
// not translated belongs to the accepting zone that decides about it, if there is one.
type Owner struct {
	Service, Zone string         // at most one of them
	Server        netip.AddrPort // the real server, where a service sent the flow on
	Laddr         netip.Addr     // the translated source; the zero value where the address is the client's own
	Pool          string         // the pool of Laddr; "" for one written in line, for masquerade and for hairpin
	// Past tells that a translation is not the policy's: of an earlier one, or of rules that
	// are not snatctl's. Service and Zone then name who decides there now, if anybody. It is
	// past, too, where the flow leaves by another interface now than Zone asks for.
	Past bool

	match match
}

// match is what Owner says, by index.
type match struct {
	service, server int32 // none: no service, no real server that the service lists
	card            card  // of service
	marked          bool  // service took it by its mark
	zone            int32
	pool            *Pool
	mapped          bool // the destination lies in a map of zone
	oddDst, oddSrc  bool // the translation is nothing that the policy makes
	sure            bool // zone gives this laddr, and no other decides before
	astray          bool // zone gives this laddr, but not to what leaves where the flow leaves now
}

// nobody is the match of a flow that belongs to no zone and no service.
var nobody = match{service: none, server: none, card: none, zone: none}

// Owner returns the zone or service that a flow belongs to. A related flow belongs to the same
// as its master. Owner takes less than a microsecond and allocates nothing.
func (x *Index) Owner(f *Flow) Owner {
	if x == nil {
		x = &Index{}
	}
	if !f.related() {
		return x.owner(f)
	}
	if o, ok := x.ofMaster(f); ok {
		return o
	}
	o := x.owner(f)
	o.Past = o.Past && f.Master.Src.IsValid() // it is not known what made it; it may be the policy
	return o
}

// Block returns the ports of the client's own block, one of which the flow has; false if
// clients share the ports.
func (o *Owner) Block(f *Flow) (ports inet.PortRange, ok bool) {
	p, port := o.match.pool, f.Reply.Dst.Port()
	if p == nil || p.Block == 0 || !f.Orig.hasEnds() || !p.Ports.Contains(port) {
		return inet.PortRange{}, false
	}
	first := port - (port-p.Ports.First)%uint16(p.Block)
	return inet.PortRange{First: first, Last: first + uint16(p.Block-1)}, true
}

// owner is Owner by the flow's own tuples alone.
func (x *Index) owner(f *Flow) Owner {
	c := x.match(f)
	o := Owner{match: c}
	if c.service >= 0 {
		o.Service, o.Server = x.cards.name(c.card), f.Reply.Src
		o.Past = c.oddDst || c.oddSrc
	}
	if c.zone >= 0 {
		o.Zone = x.bindings.Zones[c.zone].Name
		o.Past = c.mapped && (c.oddDst || c.oddSrc) || c.astray
	}
	if c.service < 0 && c.zone < 0 {
		o.Past = c.oddDst || c.oddSrc
	}
	if f.hasLaddr() {
		o.Laddr = f.Reply.Dst.Addr()
	}
	if c.pool != nil {
		o.Pool = c.pool.Name
	}
	return o
}

// hasLaddr tells whether the flow has another source address than its client's. Another
// port alone is the kernel's doing where two flows would else look the same.
func (f *Flow) hasLaddr() bool { return f.Reply.Dst.Addr() != f.Orig.Src.Addr() }

// match finds who accounts for what was translated. What a service or a map sent on is no
// zone's, as in the hook postrouting.
func (x *Index) match(f *Flow) match {
	c := nobody
	if f.TranslatedDst() {
		x.matchDst(f, &c)
	}
	switch {
	case c.service >= 0 && f.hasLaddr():
		c.pool = poolWith(x.bindings.Services[c.service].Pools, f.Reply.Dst.Addr())
		c.oddSrc = c.pool == nil && !x.hairpins(c.service, f)
	case c.mapped:
		c.oddSrc = f.hasLaddr()
	case c.service >= 0:
	case f.hasLaddr():
		x.translator(f, &c)
		c.oddSrc = c.zone < 0
	case !c.oddDst:
		c.zone = x.accepting(f)
	}
	return c
}

// matchDst finds who translated the destination.
func (x *Index) matchDst(f *Flow, c *match) {
	to := f.Orig.Dst
	if x.claimant(f, c); c.card >= 0 {
		c.oddDst = c.server < 0
		return
	}
	c.oddDst = true
	if m := search(x.inbound, to.Addr()); m >= 0 {
		c.zone, c.mapped = x.maps[m].zone, true
		c.oddDst = !x.maps[m].joins(f.Reply.Src.Addr(), to.Addr())
	}
}

// hairpins tells whether a NAT service gives the flow its laddr: an address of this host, to a
// caller that could not take the real server's own answer.
func (x *Index) hairpins(service int32, f *Flow) bool {
	return within(x.bindings.Services[service].Hairpin, f.Orig.Src.Addr()) && x.isLocal(f.Reply.Dst.Addr())
}

func poolWith(pools []Pool, laddr netip.Addr) *Pool {
	for i := range pools {
		if within(pools[i].Laddrs, laddr) {
			return &pools[i]
		}
	}
	return nil
}
