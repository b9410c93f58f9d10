package compiler

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// StaleClients returns the entries of sticky maps that contradict the policy: clients kept
// with a real server that their service no longer sends new connections to, or of a service
// that keeps none any more. live are the sticky maps with what the packet path entered.
func StaleClients(p *policy.Policy, live []*nft.Set) map[*nft.Set][]nft.Element {
	idx := indexSticky(p)
	return idx.stale(live, func(s *policy.Service) (*policy.Service, bool) { return s, true })
}

// Clients knows whose the clients in sticky maps are, for a policy as it is written.
type Clients struct{ idx stickyIndex }

// ClientsOf returns what Stale needs of a policy; nil where no service is persistent.
func ClientsOf(p *policy.Policy) *Clients {
	if !anyPersistent(p.Services) {
		return nil
	}
	return &Clients{indexSticky(p)}
}

func anyPersistent(services []policy.Service) bool {
	return slices.ContainsFunc(services, func(s policy.Service) bool { return s.Persistence.Timeout > 0 })
}

// May tells whether one of some services has clients.
func (c *Clients) May(services map[string]*policy.Service) bool {
	if c == nil {
		return false
	}
	for _, s := range services {
		if s.Persistence.Timeout > 0 {
			return true
		}
	}
	return false
}

// Stale returns, as StaleClients does, entries that contradict some services in a new state, by
// name. Those of all others stay.
func (c *Clients) Stale(services map[string]*policy.Service, live []*nft.Set) map[*nft.Set][]nft.Element {
	return c.idx.stale(live, func(s *policy.Service) (*policy.Service, bool) {
		if s == nil {
			return nil, false
		}
		now, ok := services[s.Name]
		return now, ok
	})
}

// stale returns the entries that their service would not make. now says what it is, nil where
// nobody claims what they called, and whether to look.
func (idx stickyIndex) stale(live []*nft.Set, now func(*policy.Service) (*policy.Service, bool)) map[*nft.Set][]nft.Element {
	stale := make(map[*nft.Set][]nft.Element)
	for _, s := range live {
		n, ok := layout.ParseSet(s.Name)
		if !ok || n.Kind != layout.Sticky {
			continue
		}
		own := portOf(n)
		for _, e := range s.Elements {
			claimant, port := idx.claimant(s, e)
			if service, look := now(claimant); look && !allows(service, port, own, s, e) {
				stale[s] = append(stale[s], e)
			}
		}
	}
	return stale
}

// stickyIndex finds who answers at an endpoint.
type stickyIndex struct {
	services *policy.Called
	seed     uint32                // of the hashes in place of IPv6 VIPs
	byHash   map[uint32]netip.Addr // IPv6 VIPs by their hash
}

func indexSticky(p *policy.Policy) stickyIndex {
	idx := stickyIndex{p.Called(), stickySeed(p.Services), make(map[uint32]netip.Addr)}
	for i := range p.Services {
		s := &p.Services[i]
		for _, vip := range s.VIP {
			if vip.Is6() && s.Persistence.Timeout > 0 {
				idx.byHash[addrHash(vip, idx.seed)] = vip
			}
		}
	}
	return idx
}

// claimant returns the service that claims what an entry's client called, nil if nobody does, and the
// port that it called.
func (idx stickyIndex) claimant(s *nft.Set, e nft.Element) (*policy.Service, uint16) {
	if s.Key[0] == nft.FwMark && len(e.Key) == s.KeyWidth() { // and a hash of the client; no port
		f := inet.V6
		if s.Data.Members()[0] == nft.IPv4 {
			f = inet.V4
		}
		return idx.services.Marked(f, binary.NativeEndian.Uint32([]byte(e.Key))), 0
	}
	vip, proto, port, ok := idx.called(s, e.Key)
	if !ok {
		return nil, 0
	}
	return idx.services.Service(proto, netip.AddrPortFrom(vip, port)), port
}

// allows tells whether an entry's real server is one that a service would choose for a client that
// called a port. own is the port of real servers of the map.
func allows(service *policy.Service, port, own uint16, s *nft.Set, e nft.Element) bool {
	addrWidth := s.Data.Members()[0].Width()
	if len(e.Data) < addrWidth || service == nil || service.Persistence.Timeout == 0 {
		return false
	}
	addr, _ := netip.AddrFromSlice([]byte(e.Data[:addrWidth]))
	for _, rs := range service.Active(inet.FamilyOf(addr)) {
		if rs.Addr != addr {
			continue
		}
		if len(e.Data) == addrWidth {
			if rs.Port == own || rs.Port == port && own == 0 || rs.Port == 0 && own == port {
				return true
			}
			continue
		}
		want := rs.Port
		if want == 0 {
			want = port
		}
		if got := uint16(e.Data[addrWidth])<<8 | uint16(e.Data[addrWidth+1]); got == want {
			return true
		}
	}
	return false
}

// portOf returns the port of the real servers that a sticky map holds, 0 where they have none.
func portOf(set layout.Name) uint16 {
	port, err := strconv.ParseUint(set.Variant.Servers, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

// called reads what the client called out of a key. Of services on all ports the key holds
// none: port 1 takes its place, which only such a service, or one that takes it away, claims.
func (idx stickyIndex) called(s *nft.Set, key string) (vip netip.Addr, proto inet.Proto, port uint16, ok bool) {
	if len(key) != s.KeyWidth() {
		return vip, 0, 0, false
	}
	port = 1
	if s.Data.Members()[0] == nft.IPv4 { // client . VIP . protocol [. port]
		vip, _ = netip.AddrFromSlice([]byte(key[4:8]))
		if len(key) == 16 {
			port = uint16(key[12])<<8 | uint16(key[13])
		}
		return vip, inet.Proto(key[8]), port, true
	}
	// hash of the client . hash of the VIP [. port] . protocol
	vip, ok = idx.byHash[binary.NativeEndian.Uint32([]byte(key[4:8]))]
	rest := key[8:]
	if len(rest) == 8 {
		port = uint16(rest[0])<<8 | uint16(rest[1])
		rest = rest[4:]
	}
	return vip, inet.Proto(rest[0]), port, ok
}

// stickySeed returns a seed under which no two IPv6 VIPs of persistent services have one
// hash: the usual one, unless they collide.
func stickySeed(services []policy.Service) uint32 {
	var vips []netip.Addr
	for i := range services {
		if services[i].Persistence.Timeout == 0 {
			continue
		}
		for _, vip := range services[i].VIP {
			if vip.Is6() {
				vips = append(vips, vip)
			}
		}
	}
	for seed := uint32(stickyVIPSeed); ; seed++ {
		seen := make(map[uint32]netip.Addr, len(vips))
		clash := false
		for _, vip := range vips {
			h := addrHash(vip, seed)
			if other, ok := seen[h]; ok && other != vip {
				clash = true
				break
			}
			seen[h] = vip
		}
		if !clash {
			return seed
		}
	}
}

// addrHash is what `jhash ip6 daddr mod 4294967295 seed S` gives in the kernel
// (net/netfilter/nft_hash.c, nft_jhash_eval).
func addrHash(a netip.Addr, seed uint32) uint32 {
	return uint32(uint64(jhash(a.AsSlice(), seed)) * hashSpan >> 32)
}

// jhash is the kernel's hash of bytes (include/linux/jhash.h). The length must be a multiple
// of four, as that of registers is.
func jhash(k []byte, initval uint32) uint32 {
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(k[4*i:]) }
	a := 0xdeadbeef + uint32(len(k)) + initval
	b, c := a, a
	for ; len(k) > 12; k = k[12:] {
		a += word(0)
		b += word(1)
		c += word(2)
		a = (a - c) ^ bits.RotateLeft32(c, 4)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 6)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 8)
		b += a
		a = (a - c) ^ bits.RotateLeft32(c, 16)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 19)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 4)
		b += a
	}
	if len(k) == 0 {
		return c
	}
	a += word(0)
	if len(k) >= 8 {
		b += word(1)
	}
	if len(k) == 12 {
		c += word(2)
	}
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
