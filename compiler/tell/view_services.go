package tell

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

type serviceView struct {
	ports   map[string]bool // "203.0.113.10 tcp/80"
	does    string          // mode and laddrs
	sched   map[inet.Family]string
	sticky  map[inet.Family]string // persistence
	allowed []inet.Range           // sources; none: everyone
	servers map[serverKey]serverView
	drained []inet.Range // laddrs written in line that only flows have
}

// serverKey tells a service's real servers apart. One that takes clients at the port that
// they called has another port in each of the service's keys, and port 0 here.
type serverKey struct {
	addr netip.Addr
	port uint16
}

func (k serverKey) String() string {
	if k.port == 0 {
		return k.addr.String()
	}
	return netip.AddrPortFrom(k.addr, k.port).String()
}

func (k serverKey) compare(o serverKey) int {
	return cmp.Or(k.addr.Compare(o.addr), cmp.Compare(k.port, o.port))
}

// serverView is what new connections a real server gets.
type serverView struct {
	slots  int
	weight int // 0: it drains
}

// owners finds the service of a key in the slot maps.
type owners map[string]string

func ownersOf(r *nft.Ruleset) owners {
	o := make(owners)
	if r == nil {
		return o
	}
	for _, s := range r.Sets {
		if layout.KindOfSet(s.Name) != layout.Services {
			continue
		}
		for _, e := range s.Elements {
			o[e.Key+e.KeyEnd] = e.Comment
		}
	}
	return o
}

// of returns the service that a slot belongs to: the key less the slot, for ranges at
// both ends.
func (o owners) of(e nft.Element) string {
	return o[layout.SlotFront(&e)]
}

func (v view) service(name string) *serviceView {
	if v.services[name] == nil {
		v.services[name] = &serviceView{ports: make(map[string]bool), sched: make(map[inet.Family]string), sticky: make(map[inet.Family]string), servers: make(map[serverKey]serverView), does: "nat"}
	}
	return v.services[name]
}

// readServices reads the touched services, as bindings are read.
func (v view) readServices(r *nft.Ruleset, t touched) {
	for name, sv := range readback.Services(r, t.services) {
		seen := v.service(name)
		seen.allowed = inet.Merge(sv.Allowed)
		for _, f := range sv.Fronts {
			seen.ports[f.VIP.String()+" "+f.Ports.String()] = true
		}
		for _, f := range inet.Families {
			on := sv.Family(f)
			if on.Leads != (nft.Verdict{}) {
				seen.sched[f] = readback.SchedulerOf(on.Leads)
			}
			if chain, ok := layout.ParseChain(on.Remember.Chain); ok {
				seen.sticky[f] = fmt.Sprintf("persistence %ds by /%d", chain.Variant.Seconds, chain.Variant.Bits)
			}
		}
		for _, rs := range sv.RealServers() {
			seen.servers[serverKey{rs.Addr, rs.Port}] = serverView{rs.Slots, rs.Weight}
		}
	}
}

// share is a part of a service's new connections, in lowest terms, and the weight that it
// comes from.
type share struct{ slots, of, weight int }

func (s share) String() string {
	if s.slots == 0 {
		return "drains"
	}
	g := gcd(s.slots, s.of)
	return fmt.Sprintf("share %d/%d", s.slots/g, s.of/g)
}

// shares returns what each real server gets of its family's connections.
func (sv *serviceView) shares() map[serverKey]share {
	total := map[inet.Family]int{}
	for k, rs := range sv.servers {
		total[inet.FamilyOf(k.addr)] += rs.slots
	}
	out := make(map[serverKey]share, len(sv.servers))
	for k, rs := range sv.servers {
		out[k] = share{rs.slots, total[inet.FamilyOf(k.addr)], rs.weight}
	}
	return out
}

func (v view) readLaddrs(r *nft.Ruleset, s *nft.Set, t touched) {
	n, _ := layout.ParseSet(s.Name)
	n.Variant.Ports = layout.ExactPorts
	variant := layout.VariantOf(n.String())
	for _, e := range s.Elements {
		name, pool := layout.SplitOwner(e.Comment)
		if !t.services[name] && !t.pools[pool] {
			continue
		}
		how := v.translation(r, s, e, pool, variant)
		if t.services[name] {
			v.service(name).does = join(v.service(name).does, "fullnat", how)
		}
	}
}

// join collects what a service does; parts that it has already are not repeated.
func join(does, mode, how string) string {
	if does == "nat" {
		return mode + " with " + how
	}
	if strings.Contains(does, how) {
		return does
	}
	return does + "; " + how
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
