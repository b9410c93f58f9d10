package compiler

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

type serviceView struct {
	ports   map[string]bool // "203.0.113.10 tcp/80"
	does    string          // mode and laddrs
	sched   map[inet.Family]string
	sticky  map[inet.Family]string // persistence
	allowed []inet.Range           // sources; none: everyone
	servers map[serverKey]*serverView
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

// serverView counts a real server's slots at one of its service's ports.
type serverView struct {
	slots int
	first string // the key that is counted
}

// owners finds the service of a key in the slot maps.
type owners map[string]string

func ownersOf(r *nft.Ruleset) owners {
	o := make(owners)
	if r == nil {
		return o
	}
	for _, s := range r.Sets {
		if !isKind(s.Name, mapServices) {
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
		v.services[name] = &serviceView{ports: make(map[string]bool), sched: make(map[inet.Family]string), sticky: make(map[inet.Family]string), servers: make(map[serverKey]*serverView), does: "nat"}
	}
	return v.services[name]
}

// portText prints VIP, protocol and ports of a service's key.
func portText(s *nft.Set, e nft.Element) string {
	w := s.Key[0].Width()
	vip, ok := netip.AddrFromSlice([]byte(e.Key[:w]))
	if !ok || len(e.Key) < s.KeyWidth() || len(s.Key) < 2 {
		return s.KeyString(e)
	}
	p := inet.ProtoPorts{Proto: inet.Proto(e.Key[w]), Ports: inet.AnyPort}
	if at := w + nft.Proto.Width(); len(s.Key) > 2 {
		p.Ports.First = uint16(e.Key[at])<<8 | uint16(e.Key[at+1])
		if p.Ports.Last = p.Ports.First; len(e.KeyEnd) == len(e.Key) {
			p.Ports.Last = uint16(e.KeyEnd[at])<<8 | uint16(e.KeyEnd[at+1])
		}
	}
	return vip.String() + " " + p.String()
}

func (v view) readServices(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if !t.services[e.Comment] {
			continue
		}
		sv := v.service(e.Comment)
		sv.ports[portText(s, e)] = true
		if name := e.Verdict.Chain; name != chainGuarded && !isKind(name, mapSticky) {
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
		if !isKind(e.Verdict.Chain, mapSticky) {
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
	case v.Chain == chainRefused:
		return "no real servers: reject"
	}
	name, _, _ := strings.Cut(v.Chain, "-")
	return strings.TrimRight(name, "46")
}

func (v view) readSlots(s *nft.Set, o owners, t touched) {
	for _, e := range s.Elements {
		name := o.of(e)
		if !t.services[name] || len(e.Data) < s.Data.Members()[0].Width() {
			continue
		}
		w := s.Data.Members()[0].Width()
		addr, _ := netip.AddrFromSlice([]byte(e.Data[:w]))
		own, port := true, uint16(0)
		if len(e.Data) > w { // the map says which port
			port = uint16(e.Data[w])<<8 | uint16(e.Data[w+1])
			at := s.Key[0].Width() + nft.Proto.Width()
			own = len(s.Key) > 3 && e.KeyEnd == "" && e.Key[at:at+2] == e.Data[w:w+2]
		}
		if own {
			port = 0
		}
		v.service(name).server(serverKey{addr, port}, slotOwner(e))
	}
}

// readTable reads the slots of a service that has a map of its own.
func (v view) readTable(s *nft.Set, t touched) {
	name, w := variantOf(s.Name), s.Data.Members()[0].Width()
	if !t.services[name] {
		return
	}
	for _, e := range s.Elements {
		if len(e.Data) < w {
			continue
		}
		addr, _ := netip.AddrFromSlice([]byte(e.Data[:w]))
		k := serverKey{addr: addr}
		if len(e.Data) > w+1 {
			k.port = uint16(e.Data[w])<<8 | uint16(e.Data[w+1])
		}
		v.service(name).server(k, "")
	}
}

// server counts a slot, at the first of the service's keys that it stands in.
func (sv *serviceView) server(k serverKey, at string) {
	rs := sv.servers[k]
	if rs == nil {
		rs = &serverView{first: at}
		sv.servers[k] = rs
	}
	if rs.first == at {
		rs.slots++
	}
}

// share is a part of a service's new connections, in lowest terms.
type share struct{ slots, of int }

func (s share) String() string {
	g := gcd(s.slots, s.of)
	return fmt.Sprintf("%d/%d", s.slots/g, s.of/g)
}

// shares returns what each real server gets of its family's connections.
func (sv *serviceView) shares() map[serverKey]share {
	total := map[inet.Family]int{}
	for k, rs := range sv.servers {
		total[inet.FamilyOf(k.addr)] += rs.slots
	}
	out := make(map[serverKey]share, len(sv.servers))
	for k, rs := range sv.servers {
		out[k] = share{rs.slots, total[inet.FamilyOf(k.addr)]}
	}
	return out
}

func (v view) readLaddrs(r *nft.Ruleset, s *nft.Set, t touched) {
	variant := variantOf(s.Name)
	for _, kind := range []portKind{portRanges, allPorts} {
		variant = strings.TrimPrefix(strings.TrimPrefix(variant, kind.variant()), "/")
	}
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
