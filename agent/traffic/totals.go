package traffic

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// totals are the sums over all readings. What they are of and is gone from the table is forgotten.
type totals struct {
	bytes    map[Object]Bytes
	counters counters
	opened   map[server]uint64 // of real servers that the table does not count
	events   Events
	before   Events // of the account that is read: what events had before it
	lost     uint64 // of this account, at the reading before
	ports    ports
}

// server is a real server of a service, by where connections go; port 0: to whatever port.
type server struct {
	service string
	at      netip.AddrPort
}

// pause tells that nothing is heard any more: the next account begins from nothing.
func (t *totals) pause() {
	t.before, t.lost = t.events, 0
	t.ports.known = false
}

// motion is what has moved from the reading before up to this one.
type motion struct {
	services, zones map[string]ct.Rate
	servers         map[server]ct.Rate
	begun           map[string]uint64 // flows of zones that the zones' elements have counted
	over            time.Duration     // 0: it is not known
}

func motionOf(a *gateway.Accounted) motion {
	m := motion{services: map[string]ct.Rate{}, zones: map[string]ct.Rate{}, servers: map[server]ct.Rate{}, begun: map[string]uint64{}}
	if !a.Known {
		return m
	}
	m.over = a.Over
	for _, r := range a.Rates {
		if r.New == 0 && r.In == 0 && r.Out == 0 || r.Name == "" {
			continue
		}
		if r.At.IsValid() {
			m.services[r.Name] = sum(m.services[r.Name], r)
			for _, at := range []netip.AddrPort{r.At, netip.AddrPortFrom(r.At.Addr(), 0)} { // port 0: all of them
				key := server{r.Name, at}
				m.servers[key] = sum(m.servers[key], r)
			}
			continue
		}
		m.zones[r.Name] = sum(m.zones[r.Name], r)
		if !r.Expected {
			m.begun[r.Name] += r.New
		}
	}
	return m
}

func sum(a, b ct.Rate) ct.Rate {
	a.New, a.In, a.Out = a.New+b.New, a.In+b.In, a.Out+b.Out
	return a
}

// second is what a rate means in a second.
func (m *motion) second(r ct.Rate) Rate {
	if m.over <= 0 {
		return Rate{}
	}
	s := m.over.Seconds()
	return Rate{float64(r.New) / s, float64(r.In) / s, float64(r.Out) / s}
}

// figures adds a reading, and says what it makes.
func (t *totals) figures(a *gateway.Accounted) *Figures {
	m := motionOf(a)
	f := &Figures{At: a.At, Took: a.Took, Over: m.over, Conntrack: a.Conntrack, Survey: a.Survey}
	t.enterEvents(a)
	f.Events = t.events
	bytes, counters, opened := make(map[Object]Bytes, len(t.bytes)), make(counters, len(t.counters)), make(map[server]uint64, len(t.opened))
	carried := func(o Object, r ct.Rate) Bytes {
		b := t.bytes[o]
		b.In, b.Out = b.In+r.In, b.Out+r.Out
		if b != (Bytes{}) {
			bytes[o] = b
		}
		return b
	}
	f.Services = make([]Service, len(f.Survey.Services))
	for i := range f.Services {
		r := &f.Survey.Services[i]
		moved := m.services[r.Name]
		object := Object{"service", r.Name}
		f.Services[i] = Service{r, t.counters.count(counters, counterKey{Object: object}, r.New), t.counters.refused(counters, object, r.Limits),
			carried(object, moved), m.second(moved), make([]Server, len(r.Servers))}
		for n := range r.Servers {
			rs := &r.Servers[n]
			key := server{r.Name, netip.AddrPortFrom(rs.Address, rs.Port)}
			moved := m.servers[key]
			o := Server{ServerReport: rs, Rate: m.second(moved)}
			if !r.Uncounted {
				o.Opened = t.counters.count(counters, counterOf(r, n), rs.New)
			} else if o.Opened = t.opened[key] + moved.New; o.Opened > 0 {
				opened[key] = o.Opened
			}
			f.Services[i].Servers[n] = o
		}
	}
	f.Zones = make([]Zone, len(f.Survey.Zones))
	for i := range f.Zones {
		z := &f.Survey.Zones[i]
		moved := m.zones[z.Name]
		object := Object{"zone", z.Name}
		f.Zones[i] = Zone{z, t.counters.count(counters, counterKey{Object: object}, z.New), t.counters.refused(counters, object, z.Limits),
			carried(object, moved), m.second(moved)}
	}
	t.bytes, t.counters, t.opened = bytes, counters, opened
	f.Pools = poolsOf(a, t.ports.failures(a, &m))
	return f
}

func (t *totals) enterEvents(a *gateway.Accounted) {
	e := &t.events
	e.New, e.Destroy = t.before.New+a.Heard[ct.New], t.before.Destroy+a.Heard[ct.Destroy]
	if a.Lost > t.lost {
		e.Resyncs++
	}
	e.Lost, t.lost = t.before.Lost+a.Lost, a.Lost
}
