package inet

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// Range is a range of addresses of one family, both ends included. The zero value
// is no range.
type Range struct{ From, To netip.Addr }

// ErrHostBits is wrapped by ParseRange when a prefix has bits set behind its length.
var ErrHostBits = errors.New("host bits set")

// ErrReversed is wrapped by ParseRange when the end of a range lies before its start.
var ErrReversed = errors.New("range is reversed")

// ErrMixed is wrapped by ParseRange when the ends of a range are of different families.
var ErrMixed = errors.New("range mixes IPv4 and IPv6")

// ErrNotAddress is wrapped by ParseRange and ParseAddr when the text is no address at
// all: a host name, most likely.
var ErrNotAddress = errors.New("not an IP address")

// ParseAddr reads one address, without zone and without the IPv4-mapped form.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is %w", s, ErrNotAddress)
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is %w that can be routed (it names an interface)", s, ErrNotAddress)
	}
	if a.Is4In6() {
		return netip.Addr{}, fmt.Errorf("%q is an IPv4-mapped IPv6 address (write %s)", s, a.Unmap())
	}
	return a, nil
}

// ParseRange reads an address, a range "A-B" or a prefix "A/len".
func ParseRange(s string) (Range, error) {
	if addr, bits, ok := strings.Cut(s, "/"); ok {
		if _, err := ParseAddr(addr); err != nil {
			return Range{}, err
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return Range{}, fmt.Errorf("%q is not a prefix: /%s is no prefix length", s, bits)
		}
		if p.Masked() != p {
			return Range{}, fmt.Errorf("%s: %w (write %s, or %s for the one address)", s, ErrHostBits, p.Masked(), p.Addr())
		}
		return PrefixRange(p), nil
	}
	lo, hi, isRange := strings.Cut(s, "-")
	from, err := ParseAddr(lo)
	if err != nil {
		return Range{}, err
	}
	if !isRange {
		return Range{from, from}, nil
	}
	to, err := ParseAddr(hi)
	if err != nil {
		return Range{}, err
	}
	if FamilyOf(from) != FamilyOf(to) {
		return Range{}, fmt.Errorf("%s: %w", s, ErrMixed)
	}
	if to.Less(from) {
		return Range{}, fmt.Errorf("%s: %w (write %s-%s)", s, ErrReversed, to, from)
	}
	return Range{from, to}, nil
}

// MustRange is ParseRange for constants in code; it panics on an error.
func MustRange(s string) Range {
	r, err := ParseRange(s)
	if err != nil {
		panic(err)
	}
	return r
}

// PrefixRange returns the range that a masked prefix covers.
func PrefixRange(p netip.Prefix) Range {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	to, _ := netip.AddrFromSlice(b)
	return Range{p.Addr(), to}
}

// AddrRange returns the range that holds one address.
func AddrRange(a netip.Addr) Range { return Range{a, a} }

// Everything returns all addresses of a family.
func Everything(f Family) Range {
	if f == V4 {
		return PrefixRange(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	}
	return PrefixRange(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

// Family returns the range's family, 0 for the zero value.
func (r Range) Family() Family { return FamilyOf(r.From) }

// Single tells whether the range holds one address.
func (r Range) Single() bool { return r.From == r.To }

// Contains tells whether a lies in the range.
func (r Range) Contains(a netip.Addr) bool {
	return FamilyOf(a) == r.Family() && !a.Less(r.From) && !r.To.Less(a)
}

// Covers tells whether every address of o lies in r.
func (r Range) Covers(o Range) bool { return r.Contains(o.From) && r.Contains(o.To) }

// Overlaps tells whether the ranges share an address.
func (r Range) Overlaps(o Range) bool {
	return r.Family() == o.Family() && !o.To.Less(r.From) && !r.To.Less(o.From)
}

// Prefix returns the range as a prefix, and false where it is none.
func (r Range) Prefix() (netip.Prefix, bool) {
	if r.Family() == 0 {
		return netip.Prefix{}, false
	}
	from, to := r.From.AsSlice(), r.To.AsSlice()
	bits := 0
	for bits < len(from)*8 && (from[bits/8]^to[bits/8])&(0x80>>(bits%8)) == 0 {
		bits++
	}
	p := netip.PrefixFrom(r.From, bits)
	return p, PrefixRange(p.Masked()) == r
}

// Count returns the number of addresses, at most 1<<62 (which no pool that is listed
// address by address comes near).
func (r Range) Count() uint64 {
	const most = 1 << 62
	if r.Family() == 0 {
		return 0
	}
	from, to := new(big.Int).SetBytes(r.From.AsSlice()), new(big.Int).SetBytes(r.To.AsSlice())
	n := to.Sub(to, from).Add(to, big.NewInt(1))
	if !n.IsUint64() || n.Uint64() > most {
		return most
	}
	return n.Uint64()
}

// String returns an address, a prefix where the range is one, else "A-B".
func (r Range) String() string {
	switch p, ok := r.Prefix(); {
	case r.Family() == 0:
		return "none"
	case r.Single():
		return r.From.String()
	case ok:
		return p.String()
	}
	return r.From.String() + "-" + r.To.String()
}

// Compare orders ranges by family, start, then end.
func (r Range) Compare(o Range) int {
	return cmp.Or(cmp.Compare(r.Family(), o.Family()), r.From.Compare(o.From), r.To.Compare(o.To))
}

// Merge returns the ranges sorted, with overlapping and adjacent ones joined.
func Merge(rs []Range) []Range {
	out := slices.Clone(rs)
	slices.SortFunc(out, Range.Compare)
	n := 0
	for _, r := range out {
		if n > 0 && out[n-1].Family() == r.Family() && (out[n-1].Overlaps(r) || out[n-1].To.Next() == r.From) {
			if out[n-1].To.Less(r.To) {
				out[n-1].To = r.To
			}
			continue
		}
		out[n] = r
		n++
	}
	return out[:n]
}

// Subtract returns what of a lies outside every range of b. Both are merged first, and
// so is the result.
func Subtract(a, b []Range) []Range {
	a, b = Merge(a), Merge(b)
	var out []Range
	i := 0
	for _, r := range a {
		for i > 0 && b[i-1].Overlaps(r) {
			i--
		}
		for ; i < len(b) && (b[i].Family() < r.Family() || b[i].Family() == r.Family() && b[i].To.Less(r.From)); i++ {
		}
		alive := true
		for j := i; j < len(b) && b[j].Overlaps(r); j++ {
			if r.From.Less(b[j].From) {
				out = append(out, Range{r.From, b[j].From.Prev()})
			}
			if !b[j].To.Less(r.To) {
				alive = false
				break
			}
			r.From = b[j].To.Next()
		}
		if alive {
			out = append(out, r)
		}
	}
	return out
}

// Intersect returns what lies in both lists, merged.
func Intersect(a, b []Range) []Range {
	return Subtract(a, Subtract(a, b))
}

// Of returns the ranges of one family, in their order.
func Of(f Family, rs []Range) []Range {
	var out []Range
	for _, r := range rs {
		if r.Family() == f {
			out = append(out, r)
		}
	}
	return out
}
