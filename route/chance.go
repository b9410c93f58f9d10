package route

import (
	"errors"
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// ErrFar says that packets do not reach a node that drains: it is no neighbour, or they end here. With it comes
// what can be had.
var ErrFar = errors.New("the way to a node is missing")

// chance returns what leads packets that the table marks to a node that drains: a routing table with it as the
// next hop, and the rule for the mark. Only a neighbour is one: a router in between would choose among the
// nodes by itself. Without a way the table says that the destination is unreachable, since the default route
// of main would bring the packet back here. The error is ErrTables or ErrFar.
func chance(p *policy.Policy, f Facts) (s State, err error) {
	var far error
	to, table := p.SecondChance(), p.Gateway.ChanceTable()
	switch {
	case !p.GivesChance():
		return s, nil
	case table == 0:
		return s, fmt.Errorf("%w: uplinks have all of them, and the packets for node %s, which drains, need one more; give gateway.routing_tables more numbers", ErrTables, to.Name)
	}
	if err := f.free(p.Gateway.RoutingTables); err != nil {
		return s, err
	}
	for _, family := range inet.Families {
		if family == inet.V6 && !f.V6 || len(p.ChanceVIPs(family)) == 0 {
			continue
		}
		s.Ways = append(s.Ways, Way{Table: table, Family: family})
		hop := to.Address(family)
		if i := slices.IndexFunc(f.Near, func(n Hop) bool { return n.Addr == hop }); i >= 0 {
			s.Ways = append(s.Ways, Way{table, family, hop, f.Near[i].Interface})
		} else {
			far = fmt.Errorf("%w: node %s drains, and no interface has %s as a neighbour, so its connections end here; write an address of a network that the nodes share to nodes.%s.address", ErrFar, to.Name, hop, to.Name)
		}
		s.Rules = append(s.Rules, Rule{Priority: p.Gateway.RoutingTables.First, Family: family, Mark: policy.ChanceMark, Mask: policy.UplinkBits, Table: table})
	}
	if mode := p.Gateway.Addresses.Mode; mode.OnHost() {
		far = fmt.Errorf("%w: node %s drains, and gateway.addresses: %s puts the VIPs on this host, where packets to them end whatever ip rules say, so its connections end here; announce VIPs by a routing daemon instead", ErrFar, to.Name, mode)
	}
	return s, far
}
