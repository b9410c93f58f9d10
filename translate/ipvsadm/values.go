package ipvsadm

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// errName is about a host name where the policy needs an address.
var errName = errors.New("a host name")

// parseAddr reads an address. What looks like a host name is errName.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	switch {
	case err == nil && a.Zone() == "":
		return a.Unmap(), nil
	case isNumber(s) || strings.ContainsAny(s, ":[]/") || strings.Trim(s, "0123456789.") == "":
		return netip.Addr{}, fmt.Errorf("%q is not an address", s)
	}
	return netip.Addr{}, fmt.Errorf("%s: %w", s, errName)
}

// parseService reads HOST, HOST:PORT, [V6] or [V6]:PORT. A port may have its name; there is
// none where port is -1.
func parseService(s string) (a netip.Addr, port int, err error) {
	host, name := s, ""
	switch bracket := strings.LastIndexByte(s, ']'); {
	case strings.HasPrefix(s, "[") && bracket > 0:
		host, name = s[:bracket+1], s[bracket+1:]
	case strings.Count(s, ":") == 1:
		colon := strings.IndexByte(s, ':')
		host, name = s[:colon], s[colon:]
	}
	if a, err = parseAddr(host); err != nil {
		return a, 0, err
	}
	if name == "" {
		return a, -1, nil
	}
	if name[0] != ':' {
		return a, 0, fmt.Errorf("%q is not an address with a port", s)
	}
	port, err = parsePort(name[1:])
	return a, port, err
}

// parsePort reads a port or the name of one.
func parsePort(s string) (int, error) {
	if isNumber(s) {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("port %s is larger than 65535", s)
		}
		return int(n), nil
	}
	if p := portOf(s); p != 0 {
		return p, nil
	}
	return 0, fmt.Errorf("%q is not a port, nor the name of a service that translate knows: write its number (ipvsadm -n prints numbers)", s)
}

// parseNumber reads a number from least to most.
func parseNumber(what, s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s is %q: it must be %d to %d", what, s, least, most)
	}
	return n, nil
}

// mask is a netmask, as bits. It need not be a prefix.
type mask uint32

// bits returns the length of a mask that is a prefix.
func (m mask) bits() (n int, prefix bool) {
	for n < 32 && m&(1<<(31-n)) != 0 {
		n++
	}
	return n, m == prefixMask(n)
}

// prefixMask returns the mask of a prefix.
func prefixMask(bits int) mask { return mask(uint64(0xffffffff) << (32 - bits)) }

// parseMask reads a mask of a zone in all its writings: dotted, or bits as strtoul(3) reads them
// with base 0, where 0x10 and 020 are 16.
func parseMask(s string) (mask, error) {
	if strings.Contains(s, ".") {
		a, err := netip.ParseAddr(s)
		if err != nil || !a.Is4() {
			return 0, fmt.Errorf("%q is not a netmask", s)
		}
		return mask(number(a)), nil
	}
	n, err := strconv.ParseUint(s, 0, 8)
	if err != nil || n > 32 || strings.ContainsAny(s, "_bBoO") {
		return 0, fmt.Errorf("%q is not a netmask: it must be 0 to 32, or dotted", s)
	}
	return prefixMask(int(n)), nil
}

// number is an IPv4 address as a number, and address the other way round.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// parseZone reads A[/mask]. The address may be short, as inet_aton(3) has it for networks: 10/8,
// 10.1/16. Host bits stay: they are a part of the zone's name.
func parseZone(s string) (addr uint32, m mask, err error) {
	text, bits, masked := strings.Cut(s, "/")
	if i := strings.LastIndexByte(s, '/'); masked {
		text, bits = s[:i], s[i+1:]
	}
	m = prefixMask(32)
	if masked {
		if m, err = parseMask(bits); err != nil {
			return 0, 0, err
		}
	}
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return 0, 0, fmt.Errorf("%q is not a zone: write 192.168.1.0/255.255.255.0 or 192.168.1.0/24", s)
	}
	for i := range 4 {
		n := uint64(0)
		if i < len(parts) {
			if n, err = strconv.ParseUint(parts[i], 10, 8); err != nil {
				return 0, 0, fmt.Errorf("%q is not a zone: write 192.168.1.0/255.255.255.0 or 192.168.1.0/24", s)
			}
		}
		addr = addr<<8 | uint32(n)
	}
	return addr, m, nil
}

// mostGaps is how many bits a mask that is no prefix may leave free above those at its end: it
// makes 2 to the power of that ranges.
const mostGaps = 10

// matched returns the addresses that agree with one in the bits of a mask, as ranges; nil where
// that are too many.
func matched(addr uint32, m mask) []inet.Range {
	addr &= uint32(m)
	low := 0 // bits at the end that are free
	for low < 32 && m&(1<<low) == 0 {
		low++
	}
	var free []int
	for i := low; i < 32; i++ {
		if m&(1<<i) == 0 {
			free = append(free, i)
		}
	}
	if len(free) > mostGaps {
		return nil
	}
	out := make([]inet.Range, 0, 1<<len(free))
	for k := range 1 << len(free) {
		from := addr
		for j, bit := range free {
			if k&(1<<j) != 0 {
				from |= 1 << bit
			}
		}
		out = append(out, inet.PrefixRange(netip.PrefixFrom(address(from), 32-low)))
	}
	return inet.Merge(out)
}

// parseLaddrs reads IP or IP-IP, where the order of bytes does not matter to us.
func parseLaddrs(s string) (inet.Range, error) {
	first, last, _ := strings.Cut(s, "-")
	a, err := parseAddr(first)
	if err != nil {
		return inet.Range{}, err
	}
	r := inet.AddrRange(a)
	if last != "" {
		if r.To, err = parseAddr(last); err != nil {
			return inet.Range{}, err
		}
		if r.To.Is4() != r.From.Is4() || r.To.Less(r.From) {
			return inet.Range{}, fmt.Errorf("the range %s ends before it begins", s)
		}
	}
	return r, nil
}

// parseNet reads A or A/bits, IPv4 alone.
func parseNet(s string) (net, error) {
	text, bits, masked := strings.Cut(s, "/")
	a, err := parseAddr(text)
	if err != nil {
		return net{}, err
	}
	n := net{a, -1}
	if !a.Is4() {
		return n, fmt.Errorf("%s is not an IPv4 network", s)
	}
	if masked {
		if n.bits, err = parseNumber("the length of the prefix", bits, 0, 32); err != nil {
			return n, err
		}
	}
	return n, nil
}

// parseAlgo reads an algorithm by its beginning, as ipvsadm of lvs-snat v2 does.
func parseAlgo(s string) (string, error) {
	for _, algo := range []string{"sdh", "sh", "random"} {
		if strings.HasPrefix(s, algo) {
			return algo, nil
		}
	}
	return "", fmt.Errorf("unknown algorithm %q: it is sh, sdh or random", s)
}
