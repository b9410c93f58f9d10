// Package ipfix encodes NAT events as IPFIX messages: RFC 7011 says what messages look like,
// RFC 8158 which information elements tell of which event. It sends nothing and reads no clock.
package ipfix

import (
	"net/netip"
	"time"
)

// Event is what a record tells of, a value of the element natEvent (RFC 8158, section 4.3; IANA,
// "NAT Event Type"). The zero value is reserved: a record of it is about the exporter itself.
type Event uint8

// The events that a gateway of snatctl has. RFC 8158 knows no translation from IPv6 to IPv6;
// for these stand the two oldest values, which say no more than that there is a translation.
const (
	TranslationCreate   Event = 1
	TranslationDelete   Event = 2
	AddressesExhausted  Event = 3
	NAT44Create         Event = 4
	NAT44Delete         Event = 5
	PortsExhausted      Event = 12
	PortBlockAllocation Event = 16
	PortBlockRelease    Event = 17
)

// Record is one data record. Which fields count depends on the event.
type Record struct {
	Event Event
	At    time.Time

	// Sessions: who got which address and port. Ports are 0 where the protocol has none; that of
	// ICMP is the echo id. Dst and NATDst are sent only where destinations are asked for.
	Proto       uint8
	Src, NATSrc netip.AddrPort
	Dst, NATDst netip.AddrPort
	// Sessions that have ended; Start is zero if this is not known.
	Start   time.Time
	In, Out Traffic

	// Port blocks, of Src at NATSrc. For PortsExhausted only NATSrc and Proto count.
	FirstPort, LastPort uint16

	PoolID uint32 // AddressesExhausted
	Pool   string // its name, at most 254 bytes

	NotSent uint64 // of the exporter: records that no collector has got
}

// Traffic is what one direction has carried; In comes from who opened the connection.
type Traffic struct{ Packets, Bytes uint64 }

// v6 tells whether the record's addresses are IPv6.
func (r *Record) v6() bool { return r.NATSrc.Addr().Is6() }

// told tells whether the record says what a session has carried.
func (r *Record) told() bool {
	return (r.Event == NAT44Delete || r.Event == TranslationDelete) && !r.Start.IsZero() && r.In.Packets > 0
}

// template returns what the record is encoded by. Of a session it has no destination unless
// that is asked for (RFC 8158 leaves it out where RFC 6888, REQ-12, says so).
func (r *Record) template(destinations bool) *template {
	switch r.Event {
	case 0:
		return &statistics
	case AddressesExhausted:
		return &poolExhausted
	case PortsExhausted:
		return &portsExhausted[index(r.v6())]
	case PortBlockAllocation, PortBlockRelease:
		return &portBlock
	}
	return &sessions[index(r.v6())][index(r.told())][index(destinations)]
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}
