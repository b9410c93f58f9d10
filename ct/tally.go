package ct

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Tally sums flows up by service, zone, real server and laddr, in one pass: Add every flow
// of the table, then ask for the Report. It keeps numbers only, about 60 bytes for each
// laddr and destination that occur together. It is not safe for concurrent use.
type Tally struct {
	index    *Index
	services []objectSum
	zones    []objectSum
	servers  []serverSum // of all services, one after the other
	gone     map[serverKey]*serverSum
	laddrs   map[netip.Addr]int32 // numbers of laddrs, by which the next three count
	uses     map[use]uint64
	v4       map[used[[4]byte]]uint32
	v6       map[used[[16]byte]]uint32
	totals   Totals
}

type objectSum struct{ flows, past uint64 }

type serverSum struct {
	flows   uint64
	in, out Traffic
}

// use is a laddr that a zone or service uses.
type use struct{ service, zone, laddr int32 }

// used is a laddr and a destination, at which each flow takes a port of its own. A is the
// destination's address: netip.Addr would take more room, and the garbage collector's time.
type used[A comparable] struct {
	laddr int32
	to    A
	port  uint16
	proto inet.Proto
}

// Totals counts all flows.
type Totals struct {
	Entries uint64 // all
	Owned   uint64 // those that belong to a service or zone and are as the policy says
	Past    uint64 // translated, but not by the policy as it is now
	Nobodys uint64 // untranslated, and no zone's
	Zoned   uint64 // of all these: in a conntrack zone that another table sets; Stale spares them
}

// NewTally returns sums of no flows yet. A nil index is that of no policy.
func NewTally(x *Index) *Tally {
	if x == nil {
		x = &Index{}
	}
	servers := 0
	if n := len(x.first); n > 0 {
		servers = int(x.first[n-1])
	}
	return &Tally{
		index:    x,
		servers:  make([]serverSum, servers),
		services: make([]objectSum, len(x.bindings.Services)),
		zones:    make([]objectSum, len(x.bindings.Zones)),
		gone:     make(map[serverKey]*serverSum),
		laddrs:   make(map[netip.Addr]int32),
		uses:     make(map[use]uint64),
		v4:       make(map[used[[4]byte]]uint32),
		v6:       make(map[used[[16]byte]]uint32),
	}
}

// Add counts a flow. It keeps nothing of f.
func (t *Tally) Add(f *Flow) {
	o := t.index.Owner(f)
	t.AddOwned(f, &o)
}

// AddOwned is Add for a caller that has asked the tally's index for the owner already.
func (t *Tally) AddOwned(f *Flow, o *Owner) {
	t.totals.Entries++
	if f.Zoned() {
		t.totals.Zoned++
	}
	switch {
	case o.Past:
		t.totals.Past++
	case o.match.service >= 0 || o.match.zone >= 0:
		t.totals.Owned++
	default:
		t.totals.Nobodys++
	}
	if i := o.match.service; i >= 0 {
		t.services[i].add(o.Past)
		t.server(i, o).add(f)
	}
	if i := o.match.zone; i >= 0 {
		t.zones[i].add(o.Past)
	}
	if f.hasLaddr() && o.Laddr.IsValid() {
		t.laddr(f, o)
	}
}

func (s *objectSum) add(past bool) {
	s.flows++
	if past {
		s.past++
	}
}

func (s *serverSum) add(f *Flow) {
	s.flows++
	s.in.Packets += f.In.Packets
	s.in.Bytes += f.In.Bytes
	s.out.Packets += f.Out.Packets
	s.out.Bytes += f.Out.Bytes
}

// server returns where a service's flow counts.
func (t *Tally) server(service int32, o *Owner) *serverSum {
	if o.match.server >= 0 {
		return &t.servers[t.index.first[service]+o.match.server]
	}
	key := serverKey{service, o.Server}
	s := t.gone[key]
	if s == nil {
		s = new(serverSum)
		t.gone[key] = s
	}
	return s
}

// laddr counts a translated source. Ports are counted for the address, whoever uses it: two
// zones with one pool take them from each other.
func (t *Tally) laddr(f *Flow, o *Owner) {
	n, ok := t.laddrs[o.Laddr]
	if !ok {
		n = int32(len(t.laddrs))
		t.laddrs[o.Laddr] = n
	}
	if o.match.service >= 0 || o.match.zone >= 0 {
		t.uses[use{o.match.service, o.match.zone, n}]++
	}
	to, port := f.Reply.Src, uint16(0)
	if f.Orig.Proto.HasPorts() {
		port = to.Port()
	}
	if to.Addr().Is4() {
		t.v4[used[[4]byte]{n, to.Addr().As4(), port, f.Orig.Proto}]++
	} else {
		t.v6[used[[16]byte]{n, to.Addr().As16(), port, f.Orig.Proto}]++
	}
}
