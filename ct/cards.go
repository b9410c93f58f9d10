package ct

import (
	"encoding/binary"
	"net/netip"
)

// cards hold what nearly every flow of a service asks for: its index, name and real servers.
// They lie one behind the other in one string: with 30,000 services most of what a lookup costs
// is waiting for memory, and a card is one or two lines of the cache. The layout, with numbers
// in the byte order of little-endian machines:
//
//	4  index of the service
//	4  length of the name
//	4  number of real servers, manyServers where they are in the map
//	   the name
//	6  each real server: address, 4 bytes as they are sent, and port
type cards struct {
	text string
	of   []card // by service
}

// card is where a card begins. None is none.
type card int32

const (
	cardHead    = 12
	cardServer  = 6
	manyServers = 1<<32 - 1
	// fewServers is up to where looking at each real server beats a map.
	fewServers = 12
)

// newCards writes the cards of services. Real servers of those that have many, or any of IPv6,
// are not on them.
func newCards(services []Service) (c cards) {
	var text []byte
	c.of = make([]card, len(services))
	for i := range services {
		s := &services[i]
		c.of[i] = card(len(text))
		count := uint32(len(s.Servers))
		if !s.fewServers() {
			count = manyServers
		}
		for _, n := range []uint32{uint32(i), uint32(len(s.Name)), count} {
			text = binary.LittleEndian.AppendUint32(text, n)
		}
		text = append(text, s.Name...)
		if count == manyServers {
			continue
		}
		for _, rs := range s.Servers {
			ip := rs.Addr.Unmap().As4()
			text = binary.LittleEndian.AppendUint16(append(text, ip[:]...), rs.Port)
		}
	}
	c.text = string(text)
	return c
}

// fewServers tells whether the real servers are few, and all of IPv4.
func (s *Service) fewServers() bool {
	for i := range s.Servers {
		if !s.Servers[i].Addr.Unmap().Is4() {
			return false
		}
	}
	return len(s.Servers) <= fewServers
}

// u32 reads a number of a card.
func (c *cards) u32(at card) uint32 {
	b := c.text[at : at+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// service returns whose card it is, or none.
func (c *cards) service(at card) int32 {
	if at < 0 {
		return none
	}
	return int32(c.u32(at))
}

// name returns the service's name.
func (c *cards) name(at card) string {
	from := int(at) + cardHead
	return c.text[from : from+int(c.u32(at+4))]
}

// listed returns which real server on a card is reached at an address by who called a port, or
// none. It is not known if they are in the map.
func (c *cards) listed(at card, called uint16, ip netip.Addr, port uint16) (n int32, known bool) {
	count := c.u32(at + 8)
	if count == manyServers {
		return none, false
	}
	if !ip.Is4() {
		return none, true
	}
	b := ip.As4()
	want := binary.LittleEndian.Uint32(b[:])
	rs := at + cardHead + card(c.u32(at+4))
	for i := range int32(count) {
		if c.u32(rs) == want {
			if p := uint16(c.text[rs+4]) | uint16(c.text[rs+5])<<8; p == port || p == 0 && port == called {
				return i, true
			}
		}
		rs += cardServer
	}
	return none, true
}

// enterServers notes the real servers of service i that its card does not have.
func (x *Index) enterServers(i int32, s *Service) {
	x.first = append(x.first, x.first[i]+int32(len(s.Servers)))
	if s.fewServers() {
		return
	}
	for n, rs := range s.Servers {
		key := serverKey{i, netip.AddrPortFrom(rs.Addr.Unmap(), rs.Port)}
		if _, taken := x.many[key]; !taken {
			x.many[key] = int32(n)
		}
	}
}

// server returns which real server of the service with a card is reached at an address by who
// called a port, or none.
func (x *Index) server(of card, called uint16, at netip.AddrPort) int32 {
	ip := at.Addr().Unmap()
	if n, known := x.cards.listed(of, called, ip, at.Port()); known {
		return n
	}
	s := x.cards.service(of)
	if i, ok := x.many[serverKey{s, netip.AddrPortFrom(ip, at.Port())}]; ok {
		return i
	}
	if i, ok := x.many[serverKey{s, netip.AddrPortFrom(ip, 0)}]; ok && at.Port() == called {
		return i
	}
	return none
}
