package ct

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// doors are the fronts of IPv4 in a table of open addressing, 12 bytes each: with 30,000 services
// most of what a lookup costs is waiting for memory, and here it is one line of the cache. The
// zero value has none.
type doors struct {
	table []door // a power of two, at most half of it taken
	shift int    // of a hash, to an index
}

// door is a front. Port 0 means any.
type door struct {
	vip     uint32
	port    uint16
	proto   inet.Proto
	taken   bool
	service int32
}

// newDoors makes a table for that many fronts.
func newDoors(n int) doors {
	size := bits.Len(uint(2*n + 1))
	return doors{make([]door, 1<<size), 64 - size}
}

// at returns where a front is, or would be.
func (d *doors) at(vip netip.Addr, proto inet.Proto, port uint16) *door {
	b := vip.As4()
	want := door{vip: binary.BigEndian.Uint32(b[:]), port: port, proto: proto, taken: true}
	// Fibonacci hashing (Knuth, TAOCP 6.4): neighbours come to lie far apart.
	hash := (uint64(want.vip)<<24 | uint64(port)<<8 | uint64(proto)) * 0x9E3779B97F4A7C15
	for i := hash >> d.shift; ; i = (i + 1) & uint64(len(d.table)-1) {
		is := &d.table[i]
		if !is.taken || is.vip == want.vip && is.port == port && is.proto == proto {
			return is
		}
	}
}

// enter notes a front, unless another service has it.
func (d *doors) enter(f front, service int32) {
	if to := d.at(f.vip, f.proto, f.port); !to.taken {
		b := f.vip.As4()
		*to = door{binary.BigEndian.Uint32(b[:]), f.port, f.proto, true, service}
	}
}

// get returns the service of a front, or none.
func (d *doors) get(f front) int32 {
	if len(d.table) == 0 {
		return none
	}
	if is := d.at(f.vip, f.proto, f.port); is.taken {
		return is.service
	}
	return none
}

// endpoint is a real server of IPv4; or the place of one that many holds.
type endpoint struct {
	addr   uint32
	port   uint16
	inMany bool
}

// enterServers notes the real servers of service i: few of IPv4 one after the other, others in a map.
func (x *Index) enterServers(i int32, list []Server) {
	inLine := len(list) <= fewServers
	for n := range list {
		inLine = inLine && list[n].Addr.Unmap().Is4()
	}
	for n, rs := range list {
		if inLine {
			b := rs.Addr.Unmap().As4()
			x.servers = append(x.servers, endpoint{binary.BigEndian.Uint32(b[:]), rs.Port, false})
			continue
		}
		x.servers = append(x.servers, endpoint{inMany: true})
		key := serverKey{i, netip.AddrPortFrom(rs.Addr.Unmap(), rs.Port)}
		if _, taken := x.many[key]; !taken {
			x.many[key] = int32(n)
		}
	}
	x.first = append(x.first, int32(len(x.servers)))
}

// server returns which real server of service s is reached at an address by who called a
// port, or none.
func (x *Index) server(s int32, called uint16, at netip.AddrPort) int32 {
	ip := at.Addr().Unmap()
	if list := x.servers[x.first[s]:x.first[s+1]]; len(list) == 0 || !list[0].inMany {
		if !ip.Is4() {
			return none
		}
		b := ip.As4()
		addr := binary.BigEndian.Uint32(b[:])
		for i := range list {
			if list[i].addr == addr && (list[i].port == at.Port() || list[i].port == 0 && at.Port() == called) {
				return int32(i)
			}
		}
		return none
	}
	if i, ok := x.many[serverKey{s, netip.AddrPortFrom(ip, at.Port())}]; ok {
		return i
	}
	if i, ok := x.many[serverKey{s, netip.AddrPortFrom(ip, 0)}]; ok && at.Port() == called {
		return i
	}
	return none
}

// nameServices copies the services' names side by side.
func (x *Index) nameServices() {
	var all []byte
	x.nameAt = make([]uint32, 1, len(x.bindings.Services)+1)
	for i := range x.bindings.Services {
		all = append(all, x.bindings.Services[i].Name...)
		x.nameAt = append(x.nameAt, uint32(len(all)))
	}
	x.serviceNames = string(all)
}

// serviceName returns the name of service i.
func (x *Index) serviceName(i int32) string { return x.serviceNames[x.nameAt[i]:x.nameAt[i+1]] }
