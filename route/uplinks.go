package route

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Way is a default route in the routing table of an uplink: to its router, whose address need not be of the
// interface's network (onlink), or just out of the interface where that has no neighbours to ask.
// Without an interface it is the one behind: it says that the destination is unreachable, so that what is
// marked for an uplink leaves by that or not at all.
type Way struct {
	Table     int
	Family    inet.Family
	Gateway   netip.Addr // zero: none
	Interface string     // empty: unreachable
}

// Rule is an ip rule that leads packets to the table of an uplink, or looks first whether the table main
// has a more specific route for them than a default one. One of Mask, OIf and From says which packets.
type Rule struct {
	Priority int
	Family   inet.Family
	Mark     uint32 // with Mask: the packet's mark has these bits; 0: it has any
	Mask     uint32
	OIf      string     // a program has bound its socket to the interface
	From     netip.Addr // their source, an address of the interface
	Table    int        // 0: main, without its default routes
}

// Loose is an interface that drops packets whose source the table main would not send back by it
// (rp_filter 1, RFC 3704), and that must not: it shall only look whether there is a route at all
// (rp_filter 2). It is never made strict again, as forwarding is never switched off.
type Loose struct {
	Interface string
	Was       int // its own value: the kernel takes the greater one of that and of `all`
}

func (Way) thing()   {}
func (Rule) thing()  {}
func (Loose) thing() {}

// String returns what it is as ip(8) writes it.
func (w Way) String() string { return fmt.Sprintf("%s table %d", w.leads(), w.Table) }

// leads is the route without its table.
func (w Way) leads() string {
	to := "default"
	if w.Family == inet.V6 {
		to = "::/0"
	}
	switch {
	case w.Interface == "":
		return "unreachable " + to
	case !w.Gateway.IsValid():
		return to + " dev " + w.Interface
	}
	return fmt.Sprintf("%s via %s dev %s onlink", to, w.Gateway, w.Interface)
}

// String returns what it is as ip(8) writes it.
func (r Rule) String() string {
	to := "main suppress_prefixlength 0"
	if r.Table != 0 {
		to = fmt.Sprint(r.Table)
	}
	return fmt.Sprintf("rule %s%d: %s lookup %s", r.family(), r.Priority, r.about(), to)
}

func (r Rule) family() string {
	if r.Family == inet.V6 {
		return "-6 "
	}
	return ""
}

// about says which packets the rule is for.
func (r Rule) about() string {
	switch {
	case r.From.IsValid():
		return "from " + r.From.String()
	case r.OIf != "":
		return "oif " + r.OIf
	case r.Mark == 0:
		return fmt.Sprintf("not fwmark 0/%#x", r.Mask)
	}
	return fmt.Sprintf("fwmark %#x/%#x", r.Mark, r.Mask)
}

// String returns the sysctl.
func (l Loose) String() string { return "net.ipv4.conf." + l.Interface + ".rp_filter=2" }

// Behind returns the metric of the unreachable routes, behind Metric of the others.
func Behind(metric uint32) uint32 { return metric | 1<<31 }

// Toward returns the mark of a flow's packets on their way to whom it called: that of the uplink by which they
// leave. Of a flow that came in by an uplink only the answers have one.
func Toward(flow uint32) uint32 {
	if flow&policy.UplinkCameIn != 0 {
		return 0
	}
	return flow & policy.UplinkMask
}

// uplinks returns what leads packets by their uplinks. Answers come first: nothing that the table main says of
// their destination leads them elsewhere. All others go where main has more than a default route for, and
// by their uplink if not. Rules of others that come before ours decide before them, and packets that ours
// are not about meet the others as ever.
func uplinks(p *policy.Policy, f Facts) (s State, err error) {
	g := &p.Gateway
	if len(g.Routed) == 0 {
		return s, nil
	}
	tables := g.RoutingTables
	if err := f.free(tables); err != nil {
		return s, err
	}
	numbers := g.Numbers()
	for _, family := range inet.Families {
		if family == inet.V6 && !f.V6 {
			continue
		}
		some := false
		for i := range g.Routed {
			if u := &g.Routed[i]; u.Carries(family) {
				some = true
				s.lead(u, family, numbers[u.Name], g, f)
			}
		}
		if some {
			s.Rules = append(s.Rules, Rule{Priority: tables.First + 1, Family: family, Mask: policy.UplinkMask})
		}
	}
	for _, l := range f.Strict {
		if g.Sysctls && g.Through(l.Interface) != nil {
			s.Loose = append(s.Loose, l)
		}
	}
	return s, nil
}

// free refuses tables that another policy has.
func (f Facts) free(tables policy.Tables) error {
	for _, t := range f.Taken {
		if t >= tables.First && t <= tables.Last {
			return fmt.Errorf("%w: the uplinks of another policy on this host have table %d; write other numbers to gateway.routing_tables", ErrTables, t)
		}
	}
	return nil
}

// lead enters the table of one uplink, and the rules that lead there.
func (s *State) lead(u *policy.Uplink, family inet.Family, number int, g *policy.Gateway, f Facts) {
	table, first := g.TableOf(number), g.RoutingTables.First
	s.Ways = append(s.Ways, Way{Table: table, Family: family})
	if f.carries(u.Interface, family) {
		s.Ways = append(s.Ways, Way{table, family, u.Gateway(family), u.Interface})
	}
	mark := policy.UplinkMark(number)
	s.Rules = append(s.Rules,
		Rule{Priority: first, Family: family, Mark: mark | policy.UplinkCameIn, Mask: policy.UplinkBits, Table: table},
		Rule{Priority: first + 2, Family: family, Mark: mark, Mask: policy.UplinkMask, Table: table})
	own := func(r Rule) {
		r.Family = family
		r.Priority = first + 1
		s.Rules = append(s.Rules, r)
		r.Priority, r.Table = first+2, table
		s.Rules = append(s.Rules, r)
	}
	own(Rule{OIf: u.Interface})
	for _, a := range f.Own {
		if a.Interface == u.Interface && inet.FamilyOf(a.Addr) == family && !a.Addr.IsLinkLocalUnicast() {
			own(Rule{From: a.Addr})
		}
	}
}

// carries tells whether a route of a family can lead out of an interface.
func (f Facts) carries(name string, family inet.Family) bool {
	if family == inet.V6 {
		return slices.Contains(f.Up6, name)
	}
	return slices.Contains(f.Up, name)
}

// place is what two routes cannot share: one takes the place of the other.
type place struct {
	table  int
	family inet.Family
	behind bool
}

func (w Way) place() place { return place{w.Table, w.Family, w.Interface == ""} }

// turns returns what makes the wanted routes of uplinks, and what removes others.
func turns(have, want []Way) (adds, removes Plan) {
	was, sorted := make(map[place]Way, len(have)), func(list []Way) []Way {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b Way) int {
			return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Family, b.Family), -cmp.Compare(a.Interface, b.Interface))
		})
		return list
	}
	for _, w := range have {
		was[w.place()] = w
	}
	for _, w := range sorted(want) {
		before, there := was[w.place()]
		delete(was, w.place())
		switch {
		case !there:
			adds = append(adds, Op{Thing: w})
		case before != w:
			adds = append(adds, Op{Thing: w, Instead: before})
		}
	}
	for _, w := range sorted(have) {
		if _, unwanted := was[w.place()]; unwanted {
			removes = append(removes, Op{Remove: true, Thing: w})
		}
	}
	return adds, removes
}

// byRank sorts rules so that what is marked finds a table before others look for theirs, and never one's own
// table before the more specific routes of main.
func byRank(a, b Rule) int {
	rank := func(r Rule) int {
		switch {
		case r.Table == 0:
			return 1
		case r.Mask != 0:
			return 0
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Table, b.Table),
		cmp.Compare(a.Mask, b.Mask), cmp.Compare(a.Mark, b.Mark), cmp.Compare(a.OIf, b.OIf), a.From.Compare(b.From))
}
