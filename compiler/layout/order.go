package layout

import (
	"cmp"
	"strings"
)

// Compare orders kinds as the table lists them.
func (k Kind) Compare(o Kind) int { return cmp.Compare(k.rank(), o.rank()) }

func (k Kind) rank() Kind {
	switch k {
	case ChainRefuseElsewhere, ChainRefuseWhen, ChainRefuseZone:
		return ChainRefuse
	case ChainSticky, ChainHelper, ChainRemember:
		return ChainSchedule
	}
	return k
}

// CompareNatural orders rr4-2 before rr4-10.
func CompareNatural(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			if c := cmp.Or(cmp.Compare(na, nb), strings.Compare(a[:na], b[:nb])); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
