package compiler

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
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
		if !isKind(s.Name, layout.Services) {
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
	return o[slotOwner(e)]
}

func slotOwner(e nft.Element) string {
	w := nft.Slot.Width()
	if len(e.Key) < w {
		return ""
	}
	key := e.Key[:len(e.Key)-w]
	if len(e.KeyEnd) >= w {
		key += e.KeyEnd[:len(e.KeyEnd)-w]
	}
	return key
}

func (v view) service(name string) *serviceView {
	if v.services[name] == nil {
		v.services[name] = &serviceView{ports: make(map[string]bool), sched: make(map[inet.Family]string), sticky: make(map[inet.Family]string), servers: make(map[serverKey]serverView), does: "nat"}
	}
	return v.services[name]
}

// portText prints VIP, protocol and ports of a service's key.
func portText(s *nft.Set, e nft.Element) string {
	f, ok := frontOf(s, &e)
	if !ok {
		return s.KeyString(e)
	}
	return f.VIP.String() + " " + f.Ports.String()
}

func (v view) readServices(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if !t.services[e.Comment] {
			continue
		}
		sv := v.service(e.Comment)
		sv.ports[portText(s, e)] = true
		if name := e.Verdict.Chain; name != layout.ChainGuarded.String() && !strings.HasPrefix(name, layout.ChainSticky.String()) {
			sv.sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
	}
}

// readScheduled reads the schedulers behind the look for a client's real server.
func (v view) readScheduled(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if t.services[e.Comment] {
			v.service(e.Comment).sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
	}
}

// readPermitted reads who may use a service.
func (v view) readPermitted(s *nft.Set, t touched) {
	w := s.Key[0].Width()
	for _, e := range s.Elements {
		if !t.services[e.Comment] || e.Verdict.Kind == nft.Drop || len(e.Key) < w || len(e.KeyEnd) < w {
			continue
		}
		sv := v.service(e.Comment)
		if !leadsTo(e.Verdict.Chain, layout.ChainSticky) {
			sv.sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
		if r, ok := keyRange(nft.Element{Key: e.Key[:w], KeyEnd: e.KeyEnd[:w]}); ok {
			sv.allowed = inet.Merge(append(sv.allowed, r))
		}
	}
}

// readRemember reads how long clients stay with their real server, from the name of the
// chain that enters them: remember4/300s/24.
func (v view) readRemember(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if parts := strings.Split(e.Verdict.Chain, "/"); t.services[e.Comment] && len(parts) >= 3 {
			v.service(e.Comment).sticky[familyOfMap(s)] = "persistence " + parts[len(parts)-2] + " by /" + parts[len(parts)-1]
		}
	}
}

// schedulerOf tells the scheduler, or what an empty service does, from where its VIPs lead.
func schedulerOf(v nft.Verdict) string {
	switch {
	case v.Kind == nft.Accept:
		return "no real servers: pass"
	case v.Kind == nft.Drop:
		return "no real servers: drop"
	case v.Chain == layout.ChainRefused.String():
		return "no real servers: reject"
	}
	name, _, _ := strings.Cut(v.Chain, "-")
	return strings.TrimRight(name, "46")
}

// readServers reads the real servers of the touched services, as bindings are read.
func (v view) readServers(r *nft.Ruleset, t touched) {
	rd := newReading(r)
	rd.only = t.services
	rd.readServices()
	for name, sv := range rd.services {
		for _, rs := range sv.servers() {
			v.service(name).servers[serverKey{rs.Addr, rs.Port}] = serverView{rs.slots, rs.Weight}
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
	variant := variantOf(n.String())
	for _, e := range s.Elements {
		name, pool := splitOwner(e.Comment)
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
