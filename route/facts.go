package route

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Facts is what a host has, without what is ours.
type Facts struct {
	Interfaces []string
	Own        []Address // addresses of interfaces, but for those that come and go by themselves (RFC 8981)
	Links      []Link
	Hops       []Hop
	Neighbours []Neighbour // proxies that others entered

	// Of the interfaces that Ask names:
	Up     []string // they are up: routes can lead out of them
	Up6    []string // routes of IPv6 can
	Strict []Loose  // they drop packets that the table main would not send back by them
	V6     bool     // this host has IPv6
	Taken  []int    // routing tables that have routes of another policy's uplinks

	Near []Hop // of the neighbours that Ask names, those that are some: on the network of an interface that is up
}

// Ask says which facts a policy wants.
type Ask struct {
	Addresses bool         // those for gateway.addresses, which take a look at every route
	Uplinks   []string     // interfaces of uplinks
	Nodes     []netip.Addr // neighbours that get packets which belong to no connection here
}

// Any tells whether the policy wants anything.
func (a Ask) Any() bool { return a.Addresses || len(a.Uplinks) > 0 || len(a.Nodes) > 0 }

// AskFor returns which facts Want needs.
func AskFor(p *policy.Policy) (a Ask) {
	a.Addresses = p.Gateway.Addresses.Mode.OnHost()
	for i := range p.Gateway.Routed {
		a.Uplinks = append(a.Uplinks, p.Gateway.Routed[i].Interface)
	}
	for _, family := range inet.Families {
		if len(p.ChanceVIPs(family)) > 0 {
			a.Nodes = append(a.Nodes, p.SecondChance().Address(family))
		}
	}
	return a
}

// Link is a network whose hosts reach each other by asking for addresses: by ARP or neighbour
// discovery. Interfaces that do neither, as ppp0, have none.
type Link struct {
	Interface string
	Prefix    netip.Prefix // masked, never a whole family
}

// Hop is another host that some route of this one leads to.
type Hop struct {
	Addr      netip.Addr
	Interface string
}

// near finds on which interface neighbours ask for an address: the one whose network holds it
// most closely.
type near struct {
	owned []inet.Owned
	links []Link
}

func nearOf(links []Link) near {
	links = slices.Clone(links)
	slices.SortFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(b.Prefix.Bits(), a.Prefix.Bits()), a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Interface, b.Interface))
	})
	lists := make([][]inet.Range, len(links))
	for i, l := range links {
		lists[i] = []inet.Range{inet.PrefixRange(l.Prefix)}
	}
	return near{inet.Flatten(lists), links}
}

// within returns the parts of a range that neighbours ask for, and on which interface.
func (n near) within(r inet.Range) (parts []Part) {
	i, _ := slices.BinarySearchFunc(n.owned, r.From, func(o inet.Owned, a netip.Addr) int {
		switch {
		case o.Range.Contains(a):
			return 0
		case o.Range.Family() != inet.FamilyOf(a):
			return cmp.Compare(o.Range.Family(), inet.FamilyOf(a))
		}
		return o.Range.From.Compare(a)
	})
	for ; i < len(n.owned) && n.owned[i].Range.Family() == r.Family() && !r.To.Less(n.owned[i].Range.From); i++ {
		o := n.owned[i]
		part := inet.Range{From: o.Range.From, To: o.Range.To}
		if part.From.Less(r.From) {
			part.From = r.From
		}
		if r.To.Less(part.To) {
			part.To = r.To
		}
		parts = append(parts, Part{part, n.links[o.Owner].Interface})
	}
	return parts
}

// Part is addresses that one interface's neighbours ask for.
type Part struct {
	Range     inet.Range
	Interface string
}
