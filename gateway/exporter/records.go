package exporter

import (
	"hash/fnv"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ipfix"
)

// session returns the record of a flow that begins or ends. A flow that stood when the watch
// began is told of as one that begins, with the time when it did if the kernel knows.
func session(e *ct.Event, at time.Time) ipfix.Record {
	f := &e.Flow
	r := ipfix.Record{Event: ipfix.NAT44Create, At: e.Time(at), Proto: uint8(f.Orig.Proto),
		Src: f.Orig.Src, NATSrc: f.Reply.Dst, Dst: f.Orig.Dst, NATDst: f.Reply.Src}
	if !f.Orig.Proto.HasPorts() {
		// The ids of echo requests stand where sources have ports, as RFC 5508 translates them.
		r.NATSrc = netip.AddrPortFrom(r.NATSrc.Addr(), r.NATDst.Port())
		r.Dst, r.NATDst = netip.AddrPortFrom(r.Dst.Addr(), 0), netip.AddrPortFrom(r.NATDst.Addr(), 0)
	}
	if f.Reply.Dst.Addr().Is6() {
		r.Event = ipfix.TranslationCreate
	}
	switch {
	case e.Kind == ct.Destroy:
		r.Event++ // each create is followed by its delete
		r.Start, r.In, r.Out = f.Start, ipfix.Traffic(f.In), ipfix.Traffic(f.Out)
	case e.Kind == ct.Found && !f.Start.IsZero():
		r.At = f.Start
	}
	return r
}

// blockRecord returns the record of a block that a client gets or gives back by a session.
func blockRecord(r *ipfix.Record, b change) ipfix.Record {
	return ipfix.Record{Event: b.change, At: r.At, Src: r.Src, NATSrc: r.NATSrc, FirstPort: b.ports.First, LastPort: b.ports.Last}
}

// shortageRecords returns the records of a pool's full laddrs, and of the pool if it has no
// others.
func shortageRecords(s *ct.Shortage, at time.Time) (out []ipfix.Record) {
	for _, l := range s.Full {
		out = append(out, ipfix.Record{Event: ipfix.PortsExhausted, At: at, NATSrc: netip.AddrPortFrom(l.Address, 0), Proto: uint8(l.Busiest.Proto)})
	}
	if s.All {
		out = append(out, ipfix.Record{Event: ipfix.AddressesExhausted, At: at, Pool: s.Name(), PoolID: poolID(s.Name())})
	}
	return out
}

// poolID makes a number of a pool's name, which stays the same whatever other pools there are.
func poolID(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}
