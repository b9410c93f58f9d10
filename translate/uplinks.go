package translate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// Way is what a SNAT rule of lvs-snat v2 says about next hops. An address that is not valid, or 0.0.0.0, says nothing.
type Way struct {
	Zone     *Zone        // of the rule
	From, To netip.Prefix // that the rule is for
	Gateway  netip.Addr   // the condition that routes lead there; beside an interface it is not looked at
	Next     netip.Addr   // where packets are sent instead
}

// says tells whether an address of a rule says anything.
func says(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

// Hop is one of the two addresses of a way.
type Hop int

// The addresses of a way.
const (
	GatewayHop Hop = iota
	NextHop
)

// Route carries over what rules say about next hops, in the order in which they are looked at. A rule with an interface and a next hop tells
// which interface that one is behind: then there is an interface for the condition, and, if that is so of all ways out, there are uplinks to
// write. What becomes of each address that says something, say is told.
func (s *Setup) Route(ways []Way, say func(i int, h Hop, code, more string)) {
	ups := uplinksOf(ways)
	toward := func(hop netip.Addr) (up Uplink) {
		if i := slices.IndexFunc(ups, func(u Uplink) bool { return u.Gateways[0] == hop }); i >= 0 {
			up = ups[i]
		}
		return up
	}
	unknown := missing(ways, toward)
	for i, w := range ways {
		switch known := toward(w.Gateway).Interface; {
		case !says(w.Gateway):
		case len(w.Zone.OIf) > 0:
			say(i, GatewayHop, "M134", "")
		case says(w.Next) && unknown == "":
			say(i, GatewayHop, "M043", "the condition is left out: a zone that chooses its uplink does so before it is known where routes lead")
		case known == "":
			say(i, GatewayHop, "M043", fmt.Sprintf("the condition is left out: no rule tells which interface leads to %s, so the zone takes these connections whatever it said; write `oif` with that interface", w.Gateway))
		default:
			w.Zone.OIf = []string{known}
			say(i, GatewayHop, "M059", "")
		}
	}
	for i, w := range ways {
		up := toward(w.Next).Name
		switch before := dependent(ways[:i], w); {
		case !says(w.Next):
		case up == "":
			say(i, NextHop, "M044", fmt.Sprintf("it is left out: no rule tells which interface leads to %s; write `gateway.uplinks: {isp2: {interface: NAME, gateway: %s}}`, with all other ways out, and `uplink: isp2` at the zone", w.Next, w.Next))
		case unknown != "":
			say(i, NextHop, "M044", "it is left out: `gateway.uplinks` must have all ways out, and no rule tells "+unknown+"; write them, and `uplink: "+up+"` at the zone")
		case len(w.Zone.OIf) > 0:
			say(i, NextHop, "M044", "it is left out: a zone with `oif` cannot choose where its connections leave; write `gateway.uplinks`, and `uplink` at the zone in place of `oif`")
		case before != nil:
			say(i, NextHop, "M044", fmt.Sprintf("it is left out: line %d depends on where routes lead the same sources; write `gateway.uplinks`, and `uplink` at both zones in place of `oif`", before.Origin.Place.Line))
		default:
			w.Zone.Uplink, s.Uplinks = policy.UplinkChoice{Names: []string{up}}, ups
			say(i, NextHop, "M058", "")
		}
	}
}

// missing says what rules do not tell about a way out that they speak of; empty: there is none. Zones would translate nothing there.
func missing(ways []Way, toward func(netip.Addr) Uplink) string {
	interfaces := make(map[string]bool)
	for _, w := range ways {
		for _, hop := range []netip.Addr{w.Gateway, w.Next} {
			up := toward(hop).Interface
			if interfaces[up] = true; says(hop) && up == "" {
				return "which interface leads to " + hop.String()
			}
		}
	}
	for _, w := range ways {
		if len(w.Zone.OIf) > 0 && !interfaces[w.Zone.OIf[0]] {
			return "the next hop behind " + w.Zone.OIf[0]
		}
	}
	return ""
}

// dependent returns the zone of the first of some rules that looks at the interface, for packets that another rule is for, too; nil: none
// does. Where that rule sent them elsewhere first, this one would never see its interface.
func dependent(ways []Way, w Way) *Zone {
	for _, o := range ways {
		if len(o.Zone.OIf) > 0 && o.From.Overlaps(w.From) && o.To.Overlaps(w.To) {
			return o.Zone
		}
	}
	return nil
}

// uplinksOf returns the next hops of which rules tell the interface, in the order of the rules. Those that share an interface, or have two,
// tell nothing.
func uplinksOf(ways []Way) (out []Uplink) {
	hops, devs := make(map[string][]netip.Addr), make(map[netip.Addr][]string)
	first := make(map[string]*Zone)
	var order []string
	for _, w := range ways {
		if len(w.Zone.OIf) == 0 || !says(w.Gateway) || w.Gateway.IsLoopback() || w.Gateway.IsMulticast() {
			continue
		}
		dev := w.Zone.OIf[0]
		if strings.HasSuffix(dev, "*") {
			continue
		}
		if hops[dev] == nil {
			order, first[dev] = append(order, dev), w.Zone
		}
		if !slices.Contains(hops[dev], w.Gateway) {
			hops[dev], devs[w.Gateway] = append(hops[dev], w.Gateway), append(devs[w.Gateway], dev)
		}
	}
	given := names{policy.Balance: 1}
	for _, dev := range order {
		if at := hops[dev]; len(at) == 1 && len(devs[at[0]]) == 1 && len(out) < policy.MaxUplinks {
			up := policy.Uplink{Name: given.give(dev), Interface: dev, Gateways: at, Weight: policy.DefaultUplinkWeight}
			out = append(out, Uplink{up, first[dev].Origin})
		}
	}
	return out
}

// unroute takes the uplinks back, which the language refuses.
func (s *Setup) unroute(l *Ledger, why string) bool {
	if len(s.Uplinks) == 0 {
		return false
	}
	s.Uplinks = nil
	for _, z := range s.Zones {
		if z.Uplink.Written() {
			z.Uplink = policy.UplinkChoice{}
			l.Note(z.Origin.Place, "M044", z.Origin.Text, "it is left out: "+why)
		}
	}
	return true
}

// writeUplinks writes uplinks that are not checked.
func (d *document) writeUplinks(ups []Uplink) *format.Mapping {
	m := new(format.Mapping)
	for i := range ups {
		u := new(format.Mapping).InBrackets()
		u.Set("interface", format.Text(ups[i].Interface))
		u.Set("gateway", format.Text(ups[i].Gateways[0].String()))
		m.Set(ups[i].Name, u).Above(d.comment(ups[i].Origin)...)
	}
	return m
}
