package readback

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Service collects a service from all maps that hold it.
type Service struct {
	ct.Service
	slots      []schedSlot // of IPv4, then of IPv6
	six        int         // where those of IPv6 begin
	listed     []Server    // those that are listed with their weights
	permitted  uint64      // connections from sources that may use it
	guarded    bool        // there are others
	admitted   uint64      // connections that its limits let pass
	persistent bool
	families   [2]Family    // IPv4, IPv6
	Allowed    []inet.Range // sources that may use it, as elements hold them
	Drained    []inet.Range // laddrs written in line that only flows have
	pools      []*Pool
	Ways       []Way // what a FULLNAT service translates to; none in mode nat
	Helpers    []Helper
	Timeouts   string // that are not the gateway's, as policies write them
}

// Family is how one family of a service goes on.
type Family struct {
	Leads    nft.Verdict // to the scheduler, or nowhere, behind all stages
	Remember nft.Verdict // to the chain that enters clients; none: the service keeps none

	Offer layout.Offer // of the SYN proxy that answers; zero: none does
}

func (sv *Service) Family(f inet.Family) *Family {
	if f == inet.V6 {
		return &sv.families[1]
	}
	return &sv.families[0]
}

// Server is a real server with its slots.
type Server struct {
	ct.Server
	Slots int // how many it has
}

// schedSlot is one slot of a schedule. It is the same real server's at every port of
// its service.
type schedSlot struct {
	addr netip.Addr // zero: no element holds it
	port uint16
	own  bool // so far, the port is that which the client called
	hits uint64
}

// mostRoom bounds for how many services memory is taken at once.
const mostRoom = 256

func (rd *reading) service(name string) *Service {
	s := rd.services[name]
	if s == nil && rd.wantsService(name) {
		if len(rd.room) == 0 {
			rd.room = make([]Service, min(max(4, len(rd.ordered)), mostRoom))
		}
		s, rd.room = &rd.room[0], rd.room[1:]
		s.Service = ct.Service{Name: name, Mode: "nat"}
		rd.services[name], rd.ordered = s, append(rd.ordered, s)
	}
	return s
}

func (rd *reading) readServices() {
	rd.each(func(s *nft.Set, e *nft.Element) {
		f, ok := frontOf(s, e)
		if !ok || e.Comment == "" {
			return
		}
		sv := rd.service(e.Comment)
		if sv == nil {
			return
		}
		sv.New += e.Packets
		rd.fronts[layout.FrontOf(s, e.Key+e.KeyEnd)] = sv
		sv.Fronts = append(sv.Fronts, f)
		sv.leads(s, e.Verdict)
	}, layout.Services)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.service(e.Comment); sv != nil {
			sv.leads(s, e.Verdict)
			sv.admitted += e.Packets
		}
	}, layout.AfterMark, layout.Admitted, layout.Scheduled, layout.Onward)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.services[e.Comment]; sv != nil {
			sv.Helpers = append(sv.Helpers, rd.helper(s, e)...)
		}
	}, layout.Helpers)
	rd.readLimits(false, func(name string) *[]ct.Limit {
		if sv := rd.services[name]; sv != nil {
			return &sv.Limits
		}
		return nil
	})
	rd.each(func(s *nft.Set, e *nft.Element) {
		sv := rd.service(e.Comment)
		if sv == nil {
			return
		}
		sv.guarded = true
		if e.Verdict.Kind != nft.Drop {
			sv.permitted += e.Packets
			if r, ok := firstRange(s, e); ok {
				sv.Allowed = append(sv.Allowed, r)
			}
			sv.leads(s, e.Verdict)
		}
	}, layout.Permitted)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.service(e.Comment); sv != nil {
			sv.persistent = true
			sv.Family(familyOf(s)).Remember = e.Verdict
		}
	}, layout.Remember)
	rd.readSynProxies()
	rd.each(rd.readServer, layout.Servers)
	var front string // slots of one front are mostly adjacent
	var of *Service
	rd.each(func(s *nft.Set, e *nft.Element) {
		if f := layout.FrontOf(s, layout.SlotFront(e)); f != front {
			front, of = f, rd.fronts[f]
		}
		rd.readSlot(of, s, e)
	}, layout.Turns, layout.Slots)
	rd.each(func(s *nft.Set, e *nft.Element) { rd.readSlot(rd.services[layout.VariantOf(s.Name)], s, e) }, layout.Table)
	rd.each(func(s *nft.Set, e *nft.Element) {
		name, pool := layout.SplitOwner(e.Comment)
		sv := rd.service(name)
		if sv != nil || rd.wantsPool(pool) {
			rd.enterNamed(pool, s, e)
		}
		if sv != nil {
			sv.Mode = "fullnat"
			rd.translation(&sv.Ways, &sv.pools, s, e, pool)
		}
	}, layout.Laddrs, layout.LaddrsIn)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.services[e.Comment]; sv != nil {
			if r, ok := firstRange(s, e); ok {
				sv.Hairpin = append(sv.Hairpin, r)
			}
		}
	}, layout.Hairpin)
	for _, sv := range rd.services {
		if sv.Hairpin != nil {
			sv.Hairpin = inet.Merge(sv.Hairpin) // each is listed once a front
		}
	}
}

// stages are the chains of stages before the scheduler.
var stages = []layout.Kind{layout.ChainGuarded, layout.ChainLimits, layout.ChainMarked, layout.ChainPrepared, layout.ChainSticky}

// isStage tells whether a verdict leads to one of them.
func isStage(v nft.Verdict) bool {
	return slices.ContainsFunc(stages, func(k layout.Kind) bool { return leadsTo(v, k) })
}

// leads notes where a service's connections go: to a scheduler, or nowhere.
func (sv *Service) leads(s *nft.Set, v nft.Verdict) {
	if isStage(v) {
		return // before the scheduler
	}
	sv.Family(familyOf(s)).Leads = v
	switch {
	case v.Chain == layout.ChainRefused.String():
		sv.OnEmpty = "reject"
	case v.Kind == nft.Accept:
		sv.OnEmpty = "pass"
	case v.Kind == nft.Drop:
		sv.OnEmpty = "drop"
	case sv.Scheduler == "" || sv.Scheduler == "rr": // a family with one real server takes turns
		sv.Scheduler = SchedulerOf(v)
	}
}

// mostSlots bounds the slots that are read; no schedule has so many.
const mostSlots = 1 << 16

// readSlot enters the real server of a slot.
func (rd *reading) readSlot(sv *Service, s *nft.Set, e *nft.Element) {
	members := s.Data.Members()
	if sv == nil || !s.HasSlot() || s.Data.IsInterval() || len(members) == 0 {
		return
	}
	w := members[0].Width()
	addr, ok := netip.AddrFromSlice([]byte(e.Data[:w]))
	slot := slotAt(s, e)
	if !ok || slot >= mostSlots {
		return
	}
	sv.Uncounted = sv.Uncounted || !s.Counter
	now := schedSlot{addr: addr, own: true, hits: e.Packets}
	if len(members) > 1 {
		now.port = portAt(e.Data, w)
		now.own = !s.Interval && len(s.Key) > 3 && portAt(e.Key, s.Key[0].Width()+nft.Proto.Width()) == now.port
	}
	sv.slot(slot, now)
}

func (sv *Service) slot(n int, now schedSlot) {
	from, to := 0, sv.six
	if now.addr.Is6() {
		from, to = sv.six, len(sv.slots)
	}
	if sv.slots == nil {
		sv.slots = make([]schedSlot, 0, max(4, n+1))
	}
	if more := n - (to - from) + 1; more > 0 {
		sv.slots = slices.Insert(sv.slots, to, make([]schedSlot, more)...)
		if from == 0 && now.addr.Is4() {
			sv.six += more
		}
	}
	was := &sv.slots[from+n]
	switch {
	case !was.addr.IsValid():
		*was = now
	case was.addr != now.addr: // somebody changed one of the service's ports by hand
		sv.listed = append(sv.listed, Server{ct.Server{Addr: now.addr, Port: now.port, Weight: 1, New: now.hits}, 1})
	default:
		now.hits += was.hits
		if now.own && !was.own {
			now.port, now.own = was.port, false
		}
		*was = now
	}
}

// readServer enters a real server that is listed with its weight.
func (rd *reading) readServer(s *nft.Set, e *nft.Element) {
	name, text := layout.SplitOwner(e.Comment)
	sv, addr := rd.services[name], slices.IndexFunc(s.Key[1:], func(t nft.Type) bool { return t == nft.IPv4 || t == nft.IPv6 })
	w, ok := layout.ParseWeight(text)
	if sv == nil || addr < 0 || !ok {
		return
	}
	at := 0
	for _, t := range s.Key[:addr+1] {
		at += t.Width()
	}
	a, _ := netip.AddrFromSlice([]byte(e.Key[at : at+s.Key[addr+1].Width()]))
	rs := sv.server(&sv.listed, a, w.Port)
	rs.Weight, rs.Down = w.Weight, w.Down
	rs.New += e.Packets // of services without persistence: what slots have left (Carry)
}

// server returns one of some real servers, making it on first use.
func (sv *Service) server(of *[]Server, addr netip.Addr, port uint16) *Server {
	i := slices.IndexFunc(*of, func(o Server) bool { return o.Addr == addr && o.Port == port })
	if i < 0 {
		i = len(*of)
		*of = append(*of, Server{Server: ct.Server{Addr: addr, Port: port}})
	}
	return &(*of)[i]
}

// RealServers returns the service's real servers in order. Where one is not listed, its weight is
// the number of its slots.
func (sv *Service) RealServers() []Server {
	listed := len(sv.listed)
	out := append(make([]Server, 0, listed+min(len(sv.slots), 8)), sv.listed...)
	for _, sl := range sv.slots {
		if !sl.addr.IsValid() {
			continue
		}
		if sl.own {
			sl.port = 0
		}
		rs := sv.server(&out, sl.addr, sl.port)
		rs.Slots++
		if !sv.persistent {
			rs.New += sl.hits
		}
	}
	for i := listed; i < len(out); i++ {
		out[i].Weight = out[i].Slots
	}
	slices.SortFunc(out, func(a, b Server) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port)) })
	return out
}

func (rd *reading) boundServices() []ct.Service {
	ordered := slices.DeleteFunc(slices.Clone(rd.ordered), func(sv *Service) bool { return len(sv.Fronts) == 0 }) // nobody can call it
	slices.SortFunc(ordered, func(a, b *Service) int { return strings.Compare(a.Name, b.Name) })
	out := make([]ct.Service, len(ordered))
	for i, sv := range ordered {
		servers := sv.RealServers()
		sv.Servers = make([]ct.Server, len(servers))
		for n := range servers {
			sv.Servers[n] = servers[n].Server
		}
		if sv.Scheduler == "" && sv.OnEmpty == "" {
			sv.OnEmpty = "drop" // as it does with sources that may not use it, so nothing told so
		}
		switch {
		case len(sv.Limits) > 0:
			sv.New = sv.admitted
		case sv.guarded:
			sv.New = sv.permitted
		}
		sv.Uncounted = sv.Uncounted && !sv.persistent
		slices.SortFunc(sv.Fronts, CompareFronts)
		sv.Pools = rd.finish(sv.pools, layout.Object{Of: layout.OfService, Name: sv.Name})
		out[i] = sv.Service
	}
	return out
}

// frontOf reads VIP, protocol and ports of a service's key, or its mark.
func frontOf(s *nft.Set, e *nft.Element) (ct.Front, bool) {
	if len(s.Key) == 1 && s.Key[0] == nft.FwMark {
		return ct.MarkFront(familyOf(s), binary.NativeEndian.Uint32([]byte(e.Key))), true
	}
	if len(s.Key) < 2 || len(e.Key) != s.KeyWidth() || s.Key[0] != nft.IPv4 && s.Key[0] != nft.IPv6 || s.Key[1] != nft.Proto {
		return ct.Front{}, false
	}
	w := s.Key[0].Width()
	vip, _ := netip.AddrFromSlice([]byte(e.Key[:w]))
	p := inet.ProtoPorts{Proto: inet.Proto(e.Key[w]), Ports: inet.AnyPort}
	if at := w + nft.Proto.Width(); len(s.Key) > 2 {
		p.Ports.First = portAt(e.Key, at)
		if p.Ports.Last = p.Ports.First; len(e.KeyEnd) == len(e.Key) {
			p.Ports.Last = portAt(e.KeyEnd, at)
		}
	}
	return ct.Front{VIP: vip, Ports: p}, true
}
