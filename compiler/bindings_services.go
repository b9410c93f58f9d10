package compiler

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// boundService collects a service from all maps that it stands in.
type boundService struct {
	ct.Service
	slots []boundSlot // of IPv4, then of IPv6
	six   int         // where those of IPv6 begin
	pools []*boundPool
}

// boundSlot is one slot of a schedule. It stands for the same real server at every port of
// its service.
type boundSlot struct {
	addr netip.Addr // zero: no element holds it
	port uint16
	own  bool // so far, the port is that which the client called
}

func (rd *reading) service(name string) *boundService {
	s := rd.services[name]
	if s == nil {
		s = &boundService{Service: ct.Service{Name: name, Mode: "nat"}}
		rd.services[name] = s
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
		rd.fronts[e.Key+e.KeyEnd] = sv
		sv.Fronts = append(sv.Fronts, f)
		sv.leads(e.Verdict)
	}, mapServices)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.services[e.Comment]; sv != nil {
			sv.leads(e.Verdict)
		}
	}, mapScheduled)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.services[e.Comment]; sv != nil && e.Verdict.Kind != nft.Drop {
			sv.leads(e.Verdict)
		}
	}, mapPermitted)
	rd.each(rd.readSlot, mapTurns, mapSlots, mapTable)
	rd.each(func(s *nft.Set, e *nft.Element) {
		name, pool := splitOwner(e.Comment)
		if sv := rd.services[name]; sv != nil {
			sv.Mode = "fullnat"
			poolNamed(&sv.pools, pool).enter(rd, s, e)
		}
	}, mapLaddrs, mapLaddrsIn)
}

// leads notes where a service's connections go: to a scheduler, or nowhere.
func (sv *boundService) leads(v nft.Verdict) {
	switch {
	case v.Chain == chainGuarded || isKind(v.Chain, mapSticky): // a stage before the scheduler
	case v.Chain == chainRefused:
		sv.OnEmpty = "reject"
	case v.Kind == nft.Accept:
		sv.OnEmpty = "pass"
	case v.Kind == nft.Drop:
		sv.OnEmpty = "drop"
	default:
		sv.Scheduler = schedulerOf(v)
	}
}

// mostSlots bounds the slots that are read; no schedule has so many.
const mostSlots = 1 << 16

// readSlot enters the real server that a slot stands for.
func (rd *reading) readSlot(s *nft.Set, e *nft.Element) {
	sv := rd.fronts[slotOwner(*e)]
	if isKind(s.Name, mapTable) {
		sv = rd.services[variantOf(s.Name)]
	}
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
	now := boundSlot{addr: addr, own: true}
	if len(members) > 1 {
		now.port = portAt(e.Data, w)
		now.own = !s.Interval && len(s.Key) > 3 && portAt(e.Key, s.Key[0].Width()+nft.Proto.Width()) == now.port
	}
	sv.slot(slot, now)
}

func (sv *boundService) slot(n int, now boundSlot) {
	from, to := 0, sv.six
	if now.addr.Is6() {
		from, to = sv.six, len(sv.slots)
	}
	if more := n - (to - from) + 1; more > 0 {
		sv.slots = slices.Insert(sv.slots, to, make([]boundSlot, more)...)
		if from == 0 && now.addr.Is4() {
			sv.six += more
		}
	}
	was := &sv.slots[from+n]
	switch {
	case !was.addr.IsValid():
		*was = now
	case was.addr == now.addr && !now.own:
		*was = now
	}
}

// servers returns the real servers that the slots stand for, with as many as each has.
func (sv *boundService) servers() []ct.Server {
	var out []ct.Server
	for _, sl := range sv.slots {
		if !sl.addr.IsValid() {
			continue
		}
		rs := ct.Server{Addr: sl.addr, Port: sl.port}
		if sl.own {
			rs.Port = 0
		}
		i := slices.IndexFunc(out, func(o ct.Server) bool { return o.Addr == rs.Addr && o.Port == rs.Port })
		if i < 0 {
			i, out = len(out), append(out, rs)
		}
		out[i].Weight++
	}
	return out
}

func (rd *reading) boundServices() []ct.Service {
	out := make([]ct.Service, 0, len(rd.services))
	for _, sv := range rd.services {
		sv.Servers = sv.servers()
		if sv.Scheduler == "" && sv.OnEmpty == "" {
			sv.OnEmpty = "drop" // as it does with sources that may not use it, so nothing told so
		}
		slices.SortFunc(sv.Servers, compareServers)
		slices.SortFunc(sv.Fronts, compareFronts)
		sv.Pools = finish(sv.pools)
		out = append(out, sv.Service)
	}
	slices.SortFunc(out, func(a, b ct.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// frontOf reads VIP, protocol and ports of a service's key.
func frontOf(s *nft.Set, e *nft.Element) (ct.Front, bool) {
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
