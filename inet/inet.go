// Package inet has the few types that all layers of snatctl share: transport protocols, port
// ranges and address ranges. It imports no other package of the
// project and only ever handles values.
package inet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Family is an IP version. The zero value is no family.
type Family uint8

// The two families, numbered as people say them.
const (
	V4 Family = 4
	V6 Family = 6
)

// Families lists both families in the order in which snatctl writes them.
var Families = [...]Family{V4, V6}

// FamilyOf returns the family of an address. An IPv4-mapped IPv6 address counts as IPv6.
func FamilyOf(a netip.Addr) Family {
	switch {
	case a.Is4():
		return V4
	case a.Is6():
		return V6
	}
	return 0
}

// HeaderLen returns the length of the family's header without options, in bytes (RFC 791, RFC 8200).
func (f Family) HeaderLen() int {
	if f == V6 {
		return 40
	}
	return 20
}

// String returns "IPv4" or "IPv6".
func (f Family) String() string {
	switch f {
	case V4:
		return "IPv4"
	case V6:
		return "IPv6"
	}
	return "no family"
}

// Proto is an IP protocol number (IANA "Assigned Internet Protocol Numbers").
type Proto uint8

// The protocols that a policy can name.
const (
	ICMP   Proto = 1
	TCP    Proto = 6
	UDP    Proto = 17
	ICMPv6 Proto = 58
	SCTP   Proto = 132
)

var protoNames = map[Proto]string{ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "icmpv6", SCTP: "sctp"}

// ParseProto reads a protocol by name, in lower case: tcp, udp, sctp, icmp or icmpv6.
func ParseProto(s string) (Proto, error) {
	switch s {
	case "tcp":
		return TCP, nil
	case "udp":
		return UDP, nil
	case "sctp":
		return SCTP, nil
	case "icmp":
		return ICMP, nil
	case "icmpv6":
		return ICMPv6, nil
	}
	return 0, fmt.Errorf("unknown protocol %q (want tcp, udp, sctp, icmp or icmpv6)", s)
}

// HasPorts tells whether the protocol carries ports that snatctl translates.
func (p Proto) HasPorts() bool { return p == TCP || p == UDP || p == SCTP }

// String returns the protocol's name, or its number where snatctl has no name for it.
func (p Proto) String() string {
	if n, ok := protoNames[p]; ok {
		return n
	}
	return strconv.Itoa(int(p))
}

// PortRange is a range of ports, both ends included. The zero value is no range.
type PortRange struct{ First, Last uint16 }

// AnyPort is what `*` means: every port of the protocol.
var AnyPort = PortRange{0, 65535}

// ErrPortZero is wrapped by ParsePortRange for port 0.
var ErrPortZero = errors.New("port 0 cannot be used")

// ErrPortsReversed is wrapped by ParsePortRange when the end of a range lies before its
// start.
var ErrPortsReversed = errors.New("port range is reversed")

// ParsePortRange reads "80", "8000-8099" or "*". Port 0 is refused.
func ParsePortRange(s string) (PortRange, error) {
	if s == "*" {
		return AnyPort, nil
	}
	lo, hi, isRange := strings.Cut(s, "-")
	first, err := parsePort(lo)
	if err != nil {
		return PortRange{}, err
	}
	if !isRange {
		return PortRange{first, first}, nil
	}
	last, err := parsePort(hi)
	if err != nil {
		return PortRange{}, err
	}
	if last < first {
		return PortRange{}, fmt.Errorf("%s: %w (write %d-%d)", s, ErrPortsReversed, last, first)
	}
	return PortRange{first, last}, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || s[0] == '+' || len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%q is not a port (want 1 to 65535)", s)
	}
	if n == 0 {
		return 0, fmt.Errorf("%w (want 1 to 65535)", ErrPortZero)
	}
	return uint16(n), nil
}

// IsZero tells whether no range was given.
func (r PortRange) IsZero() bool { return r == PortRange{} }

// Single tells whether the range holds exactly one port.
func (r PortRange) Single() bool { return r.First == r.Last && r.First != 0 }

// Len returns the number of ports in the range; `*` counts 65,536.
func (r PortRange) Len() int { return int(r.Last) - int(r.First) + 1 }

// Contains tells whether p lies in the range.
func (r PortRange) Contains(p uint16) bool { return r.First <= p && p <= r.Last }

// Overlaps tells whether the two ranges share a port.
func (r PortRange) Overlaps(o PortRange) bool { return r.First <= o.Last && o.First <= r.Last }

// String returns "80", "8000-8099" or "*".
func (r PortRange) String() string {
	switch {
	case r == AnyPort:
		return "*"
	case r.First == r.Last:
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// IsInterface tells whether an interface is the one that a policy names: "wan0", or of "ppp*" any
// whose name begins with ppp.
func IsInterface(pattern, name string) bool {
	stem, star := strings.CutSuffix(pattern, "*")
	return pattern == name || star && strings.HasPrefix(name, stem)
}

// IsAnyInterface tells the same of a list.
func IsAnyInterface(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return IsInterface(pattern, name) })
}

// ProtoPorts is a protocol with its ports, as in "tcp/80", "udp/5000-5999", "tcp/*"
// or "icmp" (which has none: its Ports are zero).
type ProtoPorts struct {
	Proto Proto
	Ports PortRange
}

// ParseProtoPorts reads "tcp/80", "tcp/8000-8099", "tcp/*", "icmp" or "icmpv6".
func ParseProtoPorts(s string) (ProtoPorts, error) {
	name, ports, hasPorts := strings.Cut(s, "/")
	p, err := ParseProto(name)
	if err != nil {
		return ProtoPorts{}, err
	}
	switch {
	case hasPorts && !p.HasPorts():
		return ProtoPorts{}, fmt.Errorf("%s has no ports (write %q)", name, name)
	case !hasPorts && p.HasPorts():
		return ProtoPorts{}, fmt.Errorf("%q lacks a port (write %s/80, %s/8000-8099 or %s/*)", s, name, name, name)
	case !hasPorts:
		return ProtoPorts{Proto: p}, nil
	}
	r, err := ParsePortRange(ports)
	if err != nil {
		return ProtoPorts{}, err
	}
	return ProtoPorts{p, r}, nil
}

// String returns the form that ParseProtoPorts reads.
func (p ProtoPorts) String() string {
	if p.Ports.IsZero() {
		return p.Proto.String()
	}
	return p.Proto.String() + "/" + p.Ports.String()
}
