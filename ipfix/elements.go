package ipfix

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// element is the number of an information element (IANA, "IP Flow Information Export (IPFIX)
// Entities"), with reverse added where it is about the answers.
type element uint32

// reverse marks elements of answers, whose enterprise number is 29305 (RFC 5103, section 6.1).
const (
	reverse           element = 1 << 16
	reverseEnterprise         = 29305
)

const (
	octetDeltaCount             element = 1
	packetDeltaCount            element = 2
	protocolIdentifier          element = 4
	sourceTransportPort         element = 7
	sourceIPv4Address           element = 8
	destinationTransportPort    element = 11
	destinationIPv4Address      element = 12
	sourceIPv6Address           element = 27
	destinationIPv6Address      element = 28
	exportingProcessID          element = 144
	flowStartMilliseconds       element = 152
	flowEndMilliseconds         element = 153
	notSentFlowTotalCount       element = 166
	postNATSourceIPv4Address    element = 225
	postNATDestIPv4Address      element = 226
	postNAPTSourcePort          element = 227
	postNAPTDestinationPort     element = 228
	natEvent                    element = 230
	postNATSourceIPv6Address    element = 281
	postNATDestIPv6Address      element = 282
	natPoolID                   element = 283
	natPoolName                 element = 284
	observationTimeMilliseconds element = 323
	portRangeStart              element = 361
	portRangeEnd                element = 362
)

// variable is the length of an element that says its own (RFC 7011, section 7).
const variable = 65535

// length returns how many bytes an element's value has. All are sent in full.
func (e element) length() uint16 {
	switch e {
	case protocolIdentifier, natEvent:
		return 1
	case sourceTransportPort, destinationTransportPort, postNAPTSourcePort, postNAPTDestinationPort, portRangeStart, portRangeEnd:
		return 2
	case sourceIPv4Address, destinationIPv4Address, postNATSourceIPv4Address, postNATDestIPv4Address, natPoolID, exportingProcessID:
		return 4
	case sourceIPv6Address, destinationIPv6Address, postNATSourceIPv6Address, postNATDestIPv6Address:
		return 16
	case natPoolName:
		return variable
	}
	return 8
}

// append appends an element's value in a record.
func (e element) append(b []byte, r *Record) []byte {
	switch e {
	case natEvent:
		return append(b, byte(r.Event))
	case protocolIdentifier:
		return append(b, r.Proto)
	case observationTimeMilliseconds, flowEndMilliseconds:
		return appendTime(b, r.At)
	case flowStartMilliseconds:
		return appendTime(b, r.Start)
	case sourceIPv4Address, sourceIPv6Address:
		return appendAddr(b, r.Src)
	case postNATSourceIPv4Address, postNATSourceIPv6Address:
		return appendAddr(b, r.NATSrc)
	case destinationIPv4Address, destinationIPv6Address:
		return appendAddr(b, r.Dst)
	case postNATDestIPv4Address, postNATDestIPv6Address:
		return appendAddr(b, r.NATDst)
	case sourceTransportPort:
		return binary.BigEndian.AppendUint16(b, r.Src.Port())
	case postNAPTSourcePort:
		return binary.BigEndian.AppendUint16(b, r.NATSrc.Port())
	case destinationTransportPort:
		return binary.BigEndian.AppendUint16(b, r.Dst.Port())
	case postNAPTDestinationPort:
		return binary.BigEndian.AppendUint16(b, r.NATDst.Port())
	case portRangeStart:
		return binary.BigEndian.AppendUint16(b, r.FirstPort)
	case portRangeEnd:
		return binary.BigEndian.AppendUint16(b, r.LastPort)
	}
	return e.appendRare(b, r)
}

// appendRare is append for what comes with the end of a session, or seldom.
func (e element) appendRare(b []byte, r *Record) []byte {
	switch e {
	case octetDeltaCount:
		return binary.BigEndian.AppendUint64(b, r.In.Bytes)
	case reverse | octetDeltaCount:
		return binary.BigEndian.AppendUint64(b, r.Out.Bytes)
	case packetDeltaCount:
		return binary.BigEndian.AppendUint64(b, r.In.Packets)
	case reverse | packetDeltaCount:
		return binary.BigEndian.AppendUint64(b, r.Out.Packets)
	case notSentFlowTotalCount:
		return binary.BigEndian.AppendUint64(b, r.NotSent)
	case exportingProcessID:
		return binary.BigEndian.AppendUint32(b, 1) // there is one
	case natPoolID:
		return binary.BigEndian.AppendUint32(b, r.PoolID)
	case natPoolName:
		name := r.Pool[:min(len(r.Pool), 254)] // from 255 on the length takes three bytes
		return append(append(b, byte(len(name))), name...)
	}
	return append(b, make([]byte, e.length())...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	if a.Addr().Is4() {
		v4 := a.Addr().As4()
		return append(b, v4[:]...)
	}
	v6 := a.Addr().As16()
	return append(b, v6[:]...)
}
