package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Most bounds what is entered address by address: addresses of an interface and neighbour
// proxies. The kernel looks at all of an interface's when it gets one more: so many IPv6
// addresses took 17 s on a busy machine, IPv4 addresses 0.6 s, proxies 0.3 s, and as many
// routes 0.06 s. (route/routelink, BenchmarkApply)
const Most = 4096

// ErrRefused says that the addresses of a policy cannot be had on this host as the policy
// wants it.
var ErrRefused = errors.New("gateway.addresses cannot be done here")

// ErrTables says that the routing tables of a policy cannot be had on this host.
var ErrTables = errors.New("gateway.routing_tables cannot be done here")

// ErrNoInterface says that the interface that shall get the addresses does not exist, so far: at
// boot it may come later.
var ErrNoInterface = errors.New("there is no interface")

// Want returns what a host needs so that packets to the policy's VIPs, laddrs and maps end on
// it, as far as no interface has the addresses (gateway.addresses), and so that packets leave by their
// uplinks, or to a node that drains. The error is ErrRefused, ErrTables, ErrNoInterface or ErrFar; with the last
// two comes what can be had.
func Want(p *policy.Policy, f Facts) (State, error) {
	ways, err := uplinks(p, f)
	if err != nil {
		return State{}, err
	}
	second, far := chance(p, f)
	if far != nil && !errors.Is(far, ErrFar) {
		return State{}, far
	}
	s, err := addresses(p, f)
	if err == nil {
		err = far
	}
	s.Ways, s.Rules, s.Loose = slices.Concat(ways.Ways, second.Ways), slices.Concat(ways.Rules, second.Rules), ways.Loose
	return s, err
}

// addresses returns what gateway.addresses needs.
func addresses(p *policy.Policy, f Facts) (State, error) {
	mode := p.Gateway.Addresses.Mode
	if !mode.OnHost() {
		return State{}, nil
	}
	cs := claimsOf(p)
	if err := cs.meet(f.Hops); err != nil {
		return State{}, err
	}
	own := make([]inet.Range, len(f.Own))
	for i, a := range f.Own {
		own[i] = inet.AddrRange(a.Addr)
	}
	ranges := cs.ranges(own)
	if mode == policy.AddressesAssign {
		return assign(p.Gateway.Addresses.Interface, f, ranges)
	}
	return routes(f, ranges)
}

// assign puts all addresses on an interface.
func assign(name string, f Facts, ranges []inet.Range) (State, error) {
	if !slices.Contains(f.Interfaces, name) {
		return State{}, fmt.Errorf("%w %s to put the VIPs and laddrs on", ErrNoInterface, name)
	}
	if err := few(ranges, "assign: "+name+" puts each address on the interface"); err != nil {
		return State{}, err
	}
	var s State
	for _, r := range ranges {
		for a := r.From; a.IsValid() && !r.To.Less(a); a = a.Next() {
			s.Addresses = append(s.Addresses, Address{a, name})
		}
	}
	return s, nil
}

// routes leads all addresses to this host, and answers the IPv6 neighbours that ask for some.
func routes(f Facts, ranges []inet.Range) (State, error) {
	var s State
	for _, r := range ranges {
		for _, p := range r.Prefixes() {
			s.Routes = append(s.Routes, Route{p})
		}
	}
	links := nearOf(f.Links)
	var parts []Part
	var asked []inet.Range
	for _, r := range inet.Of(inet.V6, ranges) {
		for _, part := range links.within(r) {
			parts, asked = append(parts, part), append(asked, part.Range)
		}
	}
	if err := few(asked, "neighbours of this host ask for each of these IPv6 addresses"); err != nil {
		return State{}, err
	}
	others := make(map[Neighbour]bool, len(f.Neighbours))
	for _, n := range f.Neighbours {
		others[n] = true
	}
	for _, part := range parts {
		for a := part.Range.From; a.IsValid() && !part.Range.To.Less(a); a = a.Next() {
			if n := (Neighbour{a, part.Interface}); !others[n] {
				s.Neighbours = append(s.Neighbours, n)
			}
		}
		if p := Proxying(part.Interface); !slices.Contains(s.Proxying, p) {
			s.Proxying = append(s.Proxying, p)
		}
	}
	return s, nil
}

// few refuses more addresses than can be entered one by one.
func few(ranges []inet.Range, why string) error {
	var sum uint64
	for _, r := range ranges {
		if sum += r.Count(); sum > Most {
			return fmt.Errorf("%w: %s, and with %s they are more than %d; let the router send a prefix to this host instead, and use its addresses", ErrRefused, why, r, Most)
		}
	}
	return nil
}

// claims is the addresses that a policy names, and who does.
type claims []claim

type claim struct {
	what   string // as an error names it: "pool office"
	vips   bool
	ranges []inet.Range
}

// claimsOf lists what services and zones use. A pool that nobody uses may be another machine's.
func claimsOf(p *policy.Policy) claims {
	var cs claims
	seen := map[*policy.Pool]bool{}
	pool := func(l *policy.Pool, user string) {
		if l == nil || seen[l] {
			return
		}
		seen[l] = true
		c := claim{what: "pool " + l.Name}
		if l.Name == "" {
			c.what = "the laddrs of " + user
		}
		for _, laddr := range l.Laddrs { // of weight 0, too: it has flows
			c.ranges = append(c.ranges, laddr.Range)
		}
		cs = append(cs, c)
	}
	for i := range p.Services {
		s := &p.Services[i]
		c := claim{what: "service " + s.Name, vips: true, ranges: make([]inet.Range, 0, len(s.VIP))}
		for _, vip := range s.VIP {
			if s.VIPOf(vip) == "" { // else an interface has it, which others look after
				c.ranges = append(c.ranges, inet.AddrRange(vip))
			}
		}
		cs = append(cs, c)
		pool(s.Laddrs, c.what)
	}
	for i := range p.Zones {
		z := &p.Zones[i]
		if z.Map.Family() != 0 {
			cs = append(cs, claim{"the map of zone " + z.Name, false, []inet.Range{z.Map}})
		}
		for _, l := range z.Pools() {
			pool(l, "zone "+z.Name)
		}
	}
	return cs
}

// Laddrs returns the addresses that zones and services of a policy translate sources to, and those of maps:
// answers have to come to this host. Neighbouring ones are one range.
func Laddrs(p *policy.Policy) []inet.Range {
	var all []inet.Range
	for _, c := range claimsOf(p) {
		if !c.vips {
			all = append(all, c.ranges...)
		}
	}
	return inet.Merge(all)
}

// meet refuses addresses of hosts that routes lead to: taking those would cut this host off.
func (cs claims) meet(hops []Hop) error {
	hops = slices.Clone(hops)
	slices.SortFunc(hops, func(a, b Hop) int { return a.Addr.Compare(b.Addr) })
	for _, c := range cs {
		for _, r := range c.ranges {
			i, _ := slices.BinarySearchFunc(hops, r.From, func(h Hop, a netip.Addr) int { return h.Addr.Compare(a) })
			if i < len(hops) && r.Contains(hops[i].Addr) {
				return fmt.Errorf("%w: %s contains %s, another host to which routes lead by %s, and this host would take its address; remove it from %s", ErrRefused, c.what, hops[i].Addr, hops[i].Interface, c.what)
			}
		}
	}
	return nil
}

// ranges returns what no interface has, each address once. Each VIP is its own entry, so that one more
// or less changes nothing of the others; of all else neighbouring addresses are one range.
func (cs claims) ranges(own []inet.Range) []inet.Range {
	taken := make(map[inet.Range]bool)
	for _, r := range own {
		taken[r] = true
	}
	var vips, rest []inet.Range
	for _, c := range cs {
		if !c.vips {
			rest = append(rest, c.ranges...)
			continue
		}
		for _, r := range c.ranges {
			if !taken[r] {
				taken[r] = true
				vips = append(vips, r)
			}
		}
	}
	return slices.Concat(vips, inet.Subtract(rest, slices.Concat(own, vips)))
}
