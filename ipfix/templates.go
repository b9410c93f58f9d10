package ipfix

import "encoding/binary"

// template says which elements a record has, in their order.
type template struct {
	id       uint16 // from 256 on; each has the same in all exporters
	elements []element
	scope    int // how many of the first elements are scope; not 0 in options templates only
}

// The elements are those that RFC 8158, section 5, has for each event, without the optional ones
// that a gateway of snatctl does not know (VRF, VLAN, realms, instance). Times and counters
// are not among them: they are IANA's own and RFC 5103's, which all collectors know, and come
// with the end of a session if the kernel keeps them.
var (
	heading = []element{observationTimeMilliseconds, natEvent}
	source  = [2][]element{
		{protocolIdentifier, sourceIPv4Address, postNATSourceIPv4Address, sourceTransportPort, postNAPTSourcePort},
		{protocolIdentifier, sourceIPv6Address, postNATSourceIPv6Address, sourceTransportPort, postNAPTSourcePort},
	}
	destination = [2][]element{
		{destinationIPv4Address, postNATDestIPv4Address, destinationTransportPort, postNAPTDestinationPort},
		{destinationIPv6Address, postNATDestIPv6Address, destinationTransportPort, postNAPTDestinationPort},
	}
	carried = []element{flowStartMilliseconds, flowEndMilliseconds,
		octetDeltaCount, packetDeltaCount, reverse | octetDeltaCount, reverse | packetDeltaCount}
)

// sessions are the templates of sessions: by family, whether they tell what was carried, and
// whether they have destinations.
var sessions = func() (all [2][2][2]template) {
	id := uint16(256)
	for family := range all {
		for told := range all[family] {
			for destinations := range all[family][told] {
				t := template{id: id, elements: append(append([]element(nil), heading...), source[family]...)}
				if destinations == 1 {
					t.elements = append(t.elements, destination[family]...)
				}
				if told == 1 {
					t.elements = append(t.elements, carried...)
				}
				all[family][told][destinations] = t
				id++
			}
		}
	}
	return all
}()

var (
	portBlock = template{id: 264, elements: []element{observationTimeMilliseconds, natEvent,
		sourceIPv4Address, postNATSourceIPv4Address, portRangeStart, portRangeEnd}}
	portsExhausted = [2]template{
		{id: 265, elements: []element{observationTimeMilliseconds, natEvent, postNATSourceIPv4Address, protocolIdentifier}},
		{id: 266, elements: []element{observationTimeMilliseconds, natEvent, postNATSourceIPv6Address, protocolIdentifier}},
	}
	poolExhausted = template{id: 267, elements: []element{observationTimeMilliseconds, natEvent, natPoolID, natPoolName}}
	// statistics tells how many records were lost (RFC 7011, section 4.3).
	statistics = template{id: 268, scope: 1, elements: []element{exportingProcessID, observationTimeMilliseconds, notSentFlowTotalCount}}
)

// templates returns all that records may need.
func templates(destinations bool) (data []*template) {
	d := index(destinations)
	for family := range sessions {
		for told := range sessions[family] {
			data = append(data, &sessions[family][told][d])
		}
	}
	return append(data, &portBlock, &portsExhausted[0], &portsExhausted[1], &poolExhausted)
}

// Sets of templates have numbers of their own (RFC 7011, section 3.3.2).
const (
	templateSet = 2
	optionsSet  = 3
)

// append appends a template record (RFC 7011, sections 3.4.1 and 3.4.2.2).
func (t *template) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, t.id)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.elements)))
	if t.scope > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(t.scope))
	}
	for _, e := range t.elements {
		b = e.appendSpecifier(b)
	}
	return b
}

// appendSpecifier appends an element's place in a template (RFC 7011, section 3.2).
func (e element) appendSpecifier(b []byte) []byte {
	if e&reverse == 0 {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, uint16(e)), e.length())
	}
	b = binary.BigEndian.AppendUint16(b, uint16(e)|1<<15)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, e.length()), reverseEnterprise)
}

// appendRecord appends a data record.
func (t *template) appendRecord(b []byte, r *Record) []byte {
	for _, e := range t.elements {
		b = e.append(b, r)
	}
	return b
}
