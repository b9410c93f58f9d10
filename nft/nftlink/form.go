package nftlink

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Forms fills in the Form of every rule of a compiled ruleset, so that it can be compared
// with one that was read from the kernel.
func Forms(r *nft.Ruleset) (nft.Formed, error) { return nft.Forms(r, formOf) }

func formOf(r nft.Rule, ranges func(set string) bool) (string, error) {
	es, anon := lower(r, ranges)
	b, err := appendExprs(nil, es, func(int) uint32 { return 0 })
	if err != nil {
		return "", err
	}
	n := 0
	return form(b, func(string) string { n++; return anonForm(anon[n-1]) }), nil
}

// appendExprs appends a list of expressions; anonID gives the transaction's number for the
// n-th anonymous set among them.
func appendExprs(b []byte, es []expr.Any, anonID func(n int) uint32) ([]byte, error) {
	n := 0
	for _, e := range es {
		if l, ok := e.(*expr.Lookup); ok && l.SetName == anonName {
			l.SetID = anonID(n)
			n++
		}
		x, err := expr.Marshal(unix.NFPROTO_INET, e)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", e, err)
		}
		b = nfnl.AppendAttr(b, unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, x)
	}
	return b, nil
}

func anonForm(ps []inet.Proto) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = strconv.Itoa(int(p))
	}
	return "{" + strings.Join(names, ",") + "}"
}

// form lists expressions canonically: names and attributes as the kernel returns them, less
// what it fills in by itself. anon gives the contents of an anonymous set by its name.
func form(list []byte, anon func(name string) string) string {
	var b strings.Builder
	for a := (nfnl.Attrs{Rest: list}); a.Next(); {
		name := strings.TrimRight(string(nfnl.Find(a.Val, unix.NFTA_EXPR_NAME)), "\x00")
		vals := map[uint16]string{}
		for d := (nfnl.Attrs{Rest: nfnl.Find(a.Val, unix.NFTA_EXPR_DATA)}); d.Next(); {
			vals[d.Type] = value(d.Val, depths[name][d.Type])
			if name == "lookup" && d.Type == unix.NFTA_LOOKUP_SET {
				vals[d.Type] = d.Str()
			}
			if name == "flow_offload" {
				vals[d.Type] = d.Str() // the library sends it without its NUL
			}
		}
		if name == "byteorder" && vals[unix.NFTA_BYTEORDER_LEN] < vals[unix.NFTA_BYTEORDER_SIZE] {
			// nft writes it for a protocol's one byte. It turns nothing (nft_byteorder_eval), and
			// kernels refuse it (seen on 7.3).
			continue
		}
		normalize(name, vals, anon)
		b.WriteString("[" + name)
		for t := uint16(1); t < 32; t++ {
			if v, ok := vals[t]; ok {
				fmt.Fprintf(&b, " %d=%s", t, v)
			}
		}
		b.WriteString("]")
	}
	return b.String()
}

// depths says which attributes hold lists of attributes, and how deep: the kernel sets the
// flag that marks them, which senders may leave out.
var depths = map[string]map[uint16]int{
	"immediate": {unix.NFTA_IMMEDIATE_DATA: 2},
	"cmp":       {unix.NFTA_CMP_DATA: 1},
	"bitwise":   {unix.NFTA_BITWISE_MASK: 1, unix.NFTA_BITWISE_XOR: 1},
}

// value lists an attribute's bytes, or the attributes in it down to a depth.
func value(b []byte, depth int) string {
	if depth == 0 {
		return fmt.Sprintf("%x", b)
	}
	var s strings.Builder
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		below := depth - 1
		if a.Type != unix.NFTA_DATA_VERDICT {
			below = 0
		}
		fmt.Fprintf(&s, "(%d=%s)", a.Type, value(a.Val, below))
	}
	return s.String()
}

// normalize drops and fills in attributes so that what was sent equals what is returned.
func normalize(name string, v map[uint16]string, anon func(string) string) {
	def := func(t uint16, value string) {
		if _, ok := v[t]; !ok {
			v[t] = value
		}
	}
	const zero32 = "00000000"
	switch name {
	case "lookup":
		delete(v, unix.NFTA_LOOKUP_SET_ID)
		def(unix.NFTA_LOOKUP_FLAGS, zero32)
		if s := v[unix.NFTA_LOOKUP_SET]; strings.HasPrefix(s, "__set") {
			v[unix.NFTA_LOOKUP_SET] = anon(s)
		}
	case "dynset":
		delete(v, unix.NFTA_DYNSET_SET_ID)
	case "nat":
		normalizeNAT(v)
	case "bitwise":
		def(bitwiseOp, zero32)
	case "masq":
		def(unix.NFTA_MASQ_FLAGS, zero32)
	case "counter":
		clear(v)
	case "reject":
		if v[unix.NFTA_REJECT_TYPE] == fmt.Sprintf("%08x", unix.NFT_REJECT_TCP_RST) {
			delete(v, unix.NFTA_REJECT_ICMP_CODE)
		}
	case "hash":
		def(unix.NFTA_HASH_SEED, zero32)
		def(unix.NFTA_HASH_OFFSET, zero32)
	}
}

// normalizeNAT fills in what nft_nat_init and nft_nat_dump make of absent attributes.
func normalizeNAT(v map[uint16]string) {
	for lo, hi := range map[uint16]uint16{unix.NFTA_NAT_REG_ADDR_MIN: unix.NFTA_NAT_REG_ADDR_MAX, unix.NFTA_NAT_REG_PROTO_MIN: unix.NFTA_NAT_REG_PROTO_MAX} {
		if _, ok := v[hi]; !ok && v[lo] != "" {
			v[hi] = v[lo]
		}
	}
	flags, _ := strconv.ParseUint(v[unix.NFTA_NAT_FLAGS], 16, 32)
	if v[unix.NFTA_NAT_REG_ADDR_MIN] != "" {
		flags |= unix.NF_NAT_RANGE_MAP_IPS
	}
	if v[unix.NFTA_NAT_REG_PROTO_MIN] != "" {
		flags |= unix.NF_NAT_RANGE_PROTO_SPECIFIED
	}
	v[unix.NFTA_NAT_FLAGS] = fmt.Sprintf("%08x", flags)
}
