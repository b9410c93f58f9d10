package ct

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// choice returns the zones that a source may meet: those with conditions, in their order,
// and the one without.
func (x *Index) choice(source netip.Addr) (conditional []int, plain int32) {
	if n := search(x.choices, source); n >= 0 {
		conditional = x.chosen[n]
	}
	return conditional, search(x.sources, source)
}

// translator finds the first zone that matches the flow and has its laddr, with the pool
// of the laddr if it stands in one. Where no zone that the flow's way fits has the laddr, one
// that it does not fit any more has made it.
func (x *Index) translator(f *Flow, c *match) {
	if x.isLocal(f.Orig.Src.Addr()) {
		return
	}
	conditional, plain := x.choice(f.Orig.Src.Addr())
	out := x.way(f, conditional)
	c.sure = true
	enter := func(i int32) bool {
		pool, ok := x.translates(&x.bindings.Zones[i], f)
		if ok {
			c.zone, c.pool = i, pool
		}
		return ok
	}
	for _, i := range conditional {
		z := &x.bindings.Zones[i]
		if z.strayed(out) || !z.matches(f) {
			continue
		}
		if enter(int32(i)) {
			return
		}
		if c.sure && z.decides(out) {
			c.sure, c.astray = false, len(z.OIf) > 0 && !z.refuses()
		}
	}
	if plain >= 0 && enter(plain) {
		return
	}
	c.sure, c.astray = false, false
	if x.enterStray(conditional, plain, f, c) {
		return
	}
	for _, i := range conditional {
		z := &x.bindings.Zones[i]
		if z.strayed(out) && z.matches(f) && enter(int32(i)) {
			c.astray = true
			return
		}
	}
}

// enterStray finds the first zone that matches the flow, and has its laddr for another uplink than that which it
// leaves by now.
func (x *Index) enterStray(conditional []int, plain int32, f *Flow, c *match) bool {
	if x.ways == nil {
		return false
	}
	for _, i := range append(conditional[:len(conditional):len(conditional)], int(plain)) {
		if i < 0 {
			continue
		}
		z := &x.bindings.Zones[i]
		if pool := poolWith(z.Pools, f.Reply.Dst.Addr()); pool != nil && len(z.Through) > 0 && z.matches(f) {
			c.zone, c.pool, c.astray = int32(i), pool, true
			return true
		}
	}
	return false
}

// accepting returns the zone that lets an untranslated flow pass as it is. Zones that ask
// for interfaces are left out: by which one it leaves is asked for translated flows only.
func (x *Index) accepting(f *Flow) int32 {
	if len(x.bindings.Zones) == 0 || x.isLocal(f.Orig.Src.Addr()) || x.isLocal(f.Reply.Src.Addr()) {
		return none
	}
	i := x.decider(f, nil)
	if i < 0 {
		return none
	}
	z := &x.bindings.Zones[i]
	if z.Action != "accept" || contains(z.Exclude, f.Reply.Src.Addr()) {
		return none
	}
	return i
}

// decider returns the first zone that decides about a flow for certain, if it leaves by some
// interfaces; nil: by which is not known.
func (x *Index) decider(f *Flow, out []string) int32 {
	conditional, plain := x.choice(f.Orig.Src.Addr())
	for _, i := range conditional {
		if z := &x.bindings.Zones[i]; z.decides(out) && z.matches(f) {
			return int32(i)
		}
	}
	return plain
}

// wouldTranslate tells whether a zone that may decide about such a flow would give it its
// laddr: the first that matches, or any that asks for interfaces, wherever it is, unless the
// flow leaves by others. With an interface of its own a zone decides about what leaves there
// before all others do.
func (x *Index) wouldTranslate(f *Flow) bool {
	conditional, plain := x.choice(f.Orig.Src.Addr())
	out := x.way(f, conditional)
	decided := false
	for _, i := range conditional {
		z := &x.bindings.Zones[i]
		if z.strayed(out) || decided && !z.interfaces() || !z.matches(f) {
			continue
		}
		if _, ok := x.translates(z, f); ok {
			return true
		}
		if z.decides(out) {
			if len(z.OIf) > 0 {
				return false
			}
			decided = true
		}
	}
	if decided || plain < 0 {
		return false
	}
	_, ok := x.translates(&x.bindings.Zones[plain], f)
	return ok
}

// translates tells whether the zone may give the flow its laddr, and of which pool.
func (x *Index) translates(z *Zone, f *Flow) (*Pool, bool) {
	laddr := f.Reply.Dst.Addr()
	if p := poolWith(z.Pools, laddr); p != nil && x.through(z, f) {
		return p, true
	}
	for _, m := range z.Maps {
		if m.joins(f.Orig.Src.Addr(), laddr) {
			return nil, true
		}
	}
	return nil, z.Action == "masquerade" && x.isLocal(laddr)
}

// matches tells whether the zone's conditions hold for a flow from one of its sources. The
// destination is the one that the packet leaves for; conditions on interfaces are not its
// concern.
func (z *Zone) matches(f *Flow) bool {
	to := f.Reply.Src
	return (len(z.To) == 0 || contains(z.To, to.Addr())) && (len(z.Ports) == 0 || takes(z.Ports, f.Orig.Proto, to.Port()))
}

func takes(ports []inet.ProtoPorts, proto inet.Proto, port uint16) bool {
	for _, p := range ports {
		if p.Proto == proto && (!proto.HasPorts() || p.Ports.Contains(port)) {
			return true
		}
	}
	return false
}
