package ipfix

import (
	"encoding/binary"
	"time"
)

// Message is an IPFIX message that is being filled. It must be made by NewMessage.
type Message struct {
	b       []byte
	limit   int
	set     int    // where the open set begins; 0: none is open
	open    uint16 // the template of its records
	records uint32
}

const (
	version      = 10
	headerLength = 16 // of a message (RFC 7011, section 3.1)
	setLength    = 4  // of a set's header (section 3.3.2)
)

// NewMessage returns an empty message for at most so many bytes.
func NewMessage(limit int) *Message {
	return &Message{b: make([]byte, headerLength, limit+longest), limit: limit}
}

// longest is above what a record has: so much is written before it is known not to fit.
const longest = 512

// Reset empties the message.
func (m *Message) Reset() { m.b, m.set, m.open, m.records = m.b[:headerLength], 0, 0, 0 }

// Records returns how many data records the message has.
func (m *Message) Records() uint32 { return m.records }

// Add appends a record, or returns false where it finds no room. An empty message has room for
// any.
func (m *Message) Add(r *Record, destinations bool) bool {
	t, before, set := r.template(destinations), len(m.b), m.set
	if m.set == 0 || m.open != t.id {
		m.begin(t.id)
	}
	m.b = t.appendRecord(m.b, r)
	if len(m.b) > m.limit && m.records > 0 {
		m.b, m.set = m.b[:before], set
		return false
	}
	m.records++
	m.open = t.id
	m.end()
	return true
}

// AddTemplates appends the templates that records need.
func (m *Message) AddTemplates(destinations bool) {
	m.begin(templateSet)
	for _, t := range templates(destinations) {
		m.b = t.append(m.b)
	}
	m.end()
	m.begin(optionsSet)
	m.b = statistics.append(m.b)
	m.end()
	m.set = 0
}

// begin opens a set.
func (m *Message) begin(id uint16) {
	m.set = len(m.b)
	m.b = binary.BigEndian.AppendUint16(m.b, id)
	m.b = append(m.b, 0, 0)
}

// end writes the length of the open set.
func (m *Message) end() { binary.BigEndian.PutUint16(m.b[m.set+2:], uint16(len(m.b)-m.set)) }

// Seal writes the header and returns the bytes, which are the message's until it is reset.
// sequence is how many data records were sent before to this collector from this domain.
func (m *Message) Seal(sequence, domain uint32, at time.Time) []byte {
	binary.BigEndian.PutUint16(m.b, version)
	binary.BigEndian.PutUint16(m.b[2:], uint16(len(m.b)))
	binary.BigEndian.PutUint32(m.b[4:], uint32(at.Unix()))
	binary.BigEndian.PutUint32(m.b[8:], sequence)
	binary.BigEndian.PutUint32(m.b[12:], domain)
	return m.b
}
