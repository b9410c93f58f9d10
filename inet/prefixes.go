package inet

import "net/netip"

// Prefixes returns the fewest prefixes that cover exactly the range, in the order of their
// addresses: at most two for each bit of an address. The zero value has none.
func (r Range) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	if r.Family() == 0 {
		return nil
	}
	for at := r.From; at.IsValid() && !r.To.Less(at); {
		bits := at.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(at, bits-1)
			if wider.Masked() != wider || r.To.Less(PrefixRange(wider).To) {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(at, bits)
		out = append(out, p)
		at = PrefixRange(p).To.Next()
	}
	return out
}
