// Package toa says which real servers are told who called: values for the program that puts
// the client's address into a TCP option (package toa/toalink).
//
// The option is kind 254 with the client's port and address, in network order: 8 bytes for
// IPv4, as the TOA modules of LVS read it, and 20 for IPv6, as DPVS writes it.
package toa

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Kind is the option's kind: experimental (RFC 4727), and that of the TOA modules.
const Kind = 254

// Lengths of the option in bytes.
const (
	Len4 = 8
	Len6 = 20
)

// Service is a FULLNAT service whose real servers learn the client's address.
type Service struct {
	Name    string
	VIPs    []netip.Addr
	Ports   []inet.PortRange // TCP ports that clients call
	Servers []netip.Addr     // of its real servers, whatever their weights
}

// ID names the service in the program's counts.
func (s *Service) ID() uint64 {
	h := fnv.New64a()
	h.Write([]byte(s.Name))
	return h.Sum64()
}

// Program is what the kernel's program is to know. The zero value tells nobody anything, and
// then there is none.
type Program struct {
	Services []Service
	// Interfaces are those by which packets leave toward the real servers, sorted.
	Interfaces []string
}

// Empty tells whether no program is needed.
func (p *Program) Empty() bool { return len(p.Services) == 0 || len(p.Interfaces) == 0 }

// Servers returns the addresses of all real servers, sorted, each once.
func (p *Program) Servers() []netip.Addr {
	var all []netip.Addr
	for i := range p.Services {
		all = append(all, p.Services[i].Servers...)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// Key is ports of a VIP as a prefix of address and port: Bits of 128 + 16 count.
type Key struct {
	VIP  netip.Addr
	Port uint16
	Bits int
}

// Keys returns the service's VIPs and ports, each range as the fewest prefixes.
func (s *Service) Keys() []Key {
	var keys []Key
	for _, vip := range s.VIPs {
		for _, r := range s.Ports {
			for _, p := range prefixes(r) {
				keys = append(keys, Key{vip, p.port, 128 + p.bits})
			}
		}
	}
	return keys
}

type portPrefix struct {
	port uint16
	bits int
}

// prefixes cuts a range of ports into blocks that begin at a multiple of their size.
func prefixes(r inet.PortRange) []portPrefix {
	var out []portPrefix
	for low, high := uint32(r.First), uint32(r.Last); low <= high; {
		bits := 16
		for size := uint32(2); low%size == 0 && low+size-1 <= high && bits > 0; size *= 2 {
			bits--
		}
		out = append(out, portPrefix{uint16(low), bits})
		low += 1 << (16 - bits)
	}
	return out
}

// Digest is equal for equal programs, and as a rule only for those: what the kernel's program
// knows, without where it is attached.
func (p *Program) Digest() string {
	h := sha256.New()
	services := slices.SortedFunc(slices.Values(p.Services), func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range services {
		fmt.Fprintf(h, "%q %v\n", s.Name, s.Keys())
	}
	fmt.Fprintln(h, p.Servers())
	return hex.EncodeToString(h.Sum(nil)[:8])
}
