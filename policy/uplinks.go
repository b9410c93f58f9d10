package policy

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Uplink is a way to the outside as an object: connections are sent through it by a routing table of
// its own, and answers to what came in by it leave by it. Gateway.Uplinks has its interface, too.
type Uplink struct {
	Where
	Name      string
	Interface string       // its name, never a pattern
	Gateways  []netip.Addr // next hops, one a family at most; none: the interface has no neighbours to ask, as ppp0
	Weight    int          // share of the sources of zones with `uplink: balance`; 0: none of them
	Check     *UplinkCheck // nil: never checked, and so always up
	Down      bool         // its check says so: never written, a State says so
}

// Carries tells whether connections of a family can leave through the uplink.
func (u *Uplink) Carries(f inet.Family) bool {
	return len(u.Gateways) == 0 || u.Gateway(f).IsValid()
}

// Gateway returns the uplink's next hop for a family; zero: none.
func (u *Uplink) Gateway(f inet.Family) netip.Addr {
	for _, a := range u.Gateways {
		if inet.FamilyOf(a) == f {
			return a
		}
	}
	return netip.Addr{}
}

// UplinkCheck is how the agent learns whether an uplink leads anywhere: by targets that it asks through
// the uplink itself. One that answers is enough.
type UplinkCheck struct {
	Where
	Type     CheckType        // CheckICMP or CheckTCP
	Targets  []netip.AddrPort // the port is 0 for CheckICMP
	Interval time.Duration    // from the beginning of one round to that of the next
	Timeout  time.Duration    // of one round
	Rise     int              // rounds in a row that must succeed before an uplink that was down is up
	Fall     int              // rounds in a row in which no target answers, before an uplink is down
}

// UplinkChoice says through which uplinks the connections of a zone leave. The zero value leaves that to
// the routes of the host.
type UplinkChoice struct {
	Names   []string // the first that is up
	Balance bool     // each source has one of all, by weight
}

// Written tells whether the zone chooses at all.
func (c UplinkChoice) Written() bool { return c.Balance || len(c.Names) > 0 }

// Balance is the word for a choice among all uplinks; no uplink has this name.
const Balance = "balance"

// String returns the choice as policies write it.
func (c UplinkChoice) String() string {
	switch {
	case c.Balance:
		return Balance
	case len(c.Names) == 1:
		return c.Names[0]
	}
	return "[" + strings.Join(c.Names, ", ") + "]"
}

// UplinkLaddrs is the pool of a zone for connections that leave through one uplink.
type UplinkLaddrs struct {
	Uplink string
	Pos    Pos
	Laddrs *Pool
}

// Tables are the numbers of routing tables that a policy may use for its uplinks; its ip rules have the
// first of them as their priority, and the two that follow.
type Tables struct{ First, Last int }

// The numbers that routing tables and priorities of rules can have: above those that the kernel and
// administrators use, and before the rules of the main table, whose priority is 32766 (ip-rule(8)).
const (
	FirstTable = 256
	LastTable  = 32000
)

// MaxUplinks is how many uplinks a policy can have: a mark names one, and 0 is none.
const MaxUplinks = 100

// Uplink returns an uplink by name; nil if there is none.
func (g *Gateway) Uplink(name string) *Uplink {
	i := slices.IndexFunc(g.Routed, func(u Uplink) bool { return u.Name == name })
	if i < 0 {
		return nil
	}
	return &g.Routed[i]
}

// Through returns the uplink that an interface is; nil if it is none.
func (g *Gateway) Through(iface string) *Uplink {
	i := slices.IndexFunc(g.Routed, func(u Uplink) bool { return u.Interface == iface })
	if i < 0 {
		return nil
	}
	return &g.Routed[i]
}

// Pools returns all pools of a zone: the one that it has, or those per uplink, in order.
func (z *Zone) Pools() (out []*Pool) {
	if z.Laddrs != nil {
		out = append(out, z.Laddrs)
	}
	for _, l := range z.UplinkLaddrs {
		if l.Laddrs != nil && !slices.Contains(out, l.Laddrs) {
			out = append(out, l.Laddrs)
		}
	}
	return out
}

// PoolThrough returns the pool of a zone for connections that leave through an interface; nil: it has none.
func (z *Zone) PoolThrough(g *Gateway, iface string) *Pool {
	u := g.Through(iface)
	if u == nil || z.UplinkLaddrs == nil {
		return z.Laddrs
	}
	for _, l := range z.UplinkLaddrs {
		if l.Uplink == u.Name {
			return l.Laddrs
		}
	}
	return nil
}

// Ways returns the uplinks that new connections of a family have from a choice: one, of a list the first
// that is up; all that may be the one of a source, for Balance. If all are down, it is as if all were up:
// who is sent nowhere is not helped. None: no uplink carries the family, and routes decide.
func (g *Gateway) Ways(c UplinkChoice, f inet.Family) (out []*Uplink) {
	all := g.candidates(c, f)
	up := slices.DeleteFunc(slices.Clone(all), func(u *Uplink) bool { return u.Down })
	if len(up) > 0 {
		all = up
	}
	if !c.Balance && len(all) > 1 {
		all = all[:1]
	}
	return all
}

// candidates returns the uplinks that a choice could mean, whether they are up or not.
func (g *Gateway) candidates(c UplinkChoice, f inet.Family) (out []*Uplink) {
	if !c.Balance {
		for _, name := range c.Names {
			if u := g.Uplink(name); u != nil && u.Carries(f) {
				out = append(out, u)
			}
		}
		return out
	}
	for i := range g.Routed {
		if u := &g.Routed[i]; u.Carries(f) && u.Weight > 0 {
			out = append(out, u)
		}
	}
	return out
}

// balanceSlots is about how many slots share sources out among uplinks: enough for the sources of one
// that is down to be spread over all others.
const balanceSlots = 100

// WaysBySlot returns the uplink of each slot that a hash of the source chooses, none of them down unless
// all are; of a list there is one slot. Slots of an uplink that is up are the same whichever others are down: their sources stay.
// Uplinks take interleaved turns by weight.
func (g *Gateway) WaysBySlot(c UplinkChoice, f inet.Family) []*Uplink {
	all := g.candidates(c, f)
	if !c.Balance || len(all) == 0 {
		return g.Ways(c, f)
	}
	weights := make([]int, len(all))
	for i, u := range all {
		weights[i] = u.Weight
	}
	turns := spread(weights)
	out := make([]*Uplink, 0, 2*balanceSlots)
	for len(out) < balanceSlots {
		for _, i := range turns {
			out = append(out, all[i])
		}
	}
	up := g.Ways(UplinkChoice{Balance: true}, f)
	if len(up) == len(all) {
		return out
	}
	for i, u := range up {
		weights[i] = u.Weight
	}
	turns = spread(weights[:len(up)])
	next := 0
	for i, u := range out {
		if u.Down {
			out[i] = up[turns[next%len(turns)]]
			next++
		}
	}
	return out
}

// spread lays the shares of weights out in turns: the one comes next that is most behind its share.
func spread(weights []int) (out []int) {
	shares, total := Shares(weights, balanceSlots), 0
	for _, s := range shares {
		total += s
	}
	behind := make([]int, len(shares))
	for range total {
		best := 0
		for i, s := range shares {
			if behind[i] += s; behind[i] > behind[best] {
				best = i
			}
		}
		behind[best] -= total
		out = append(out, best)
	}
	return out
}

// uplinksIn returns the uplinks that a state makes of those written; nil where it changes none.
func (p *Policy) uplinksIn(state State) (out []Uplink) {
	for i, u := range p.Gateway.Routed {
		if st := state.Uplinks[u.Name]; st.Down != u.Down {
			if out == nil {
				out = slices.Clone(p.Gateway.Routed)
			}
			out[i].Down = st.Down
		}
	}
	return out
}

// Numbers gives every uplink the number that marks its connections and counts its routing table, from 1
// to as many as there are tables. The name determines it, so that an uplink keeps its number while others
// come and go; of two names with the same number the one that is first in the alphabet has it.
func (g *Gateway) Numbers() map[string]int {
	most := min(MaxUplinks, g.RoutingTables.Last-g.RoutingTables.First+1)
	names := make([]string, len(g.Routed))
	for i := range g.Routed {
		names[i] = g.Routed[i].Name
	}
	slices.Sort(names)
	out, taken := make(map[string]int, len(names)), make(map[int]bool, len(names))
	for _, name := range names {
		if len(taken) >= most {
			break // checked: U03
		}
		h := fnv.New32a()
		h.Write([]byte(name))
		n := int(h.Sum32()%uint32(most)) + 1
		for taken[n] {
			n = n%most + 1
		}
		out[name], taken[n] = n, true
	}
	return out
}

// TableOf returns the routing table of the uplink that has a number.
func (g *Gateway) TableOf(number int) int { return g.RoutingTables.First + number - 1 }
