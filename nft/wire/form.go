package wire

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Forms fills in the Form of every rule of a compiled ruleset, so that it can be compared
// with one that was read from the kernel.
func Forms(r *nft.Ruleset) (nft.Formed, error) { return nft.Forms(r, make(former).of) }

// former finds forms of rules, by their expressions: many rules of a table are alike, those of
// all lanes with one number of slots above all.
type former map[string]string

func (known former) of(r nft.Rule, ranges func(set string) bool) (string, error) {
	es, anon := lower(r, ranges)
	b, err := appendExprs(nil, es, func(int) uint32 { return 0 })
	if err != nil {
		return "", err
	}
	if len(anon) > 0 { // their contents are no part of the expressions
		n := 0
		return form(b, func(string) string { n++; return anonForm(anon[n-1]) }), nil
	}
	f, ok := known[string(b)]
	if !ok {
		f = form(b, func(name string) string { return name })
		known[string(b)] = f
	}
	return f, nil
}

// form lists expressions canonically: names and attributes as the kernel returns them, less
// what it fills in by itself. anon gives the contents of an anonymous set by its name.
func form(list []byte, anon func(name string) string) string {
	var b strings.Builder
	for a := (nfnl.Attrs{Rest: list}); a.Next(); {
		name := strings.TrimRight(string(nfnl.Find(a.Val, exprName)), "\x00")
		vals := map[uint16]string{}
		for d := (nfnl.Attrs{Rest: nfnl.Find(a.Val, exprData)}); d.Next(); {
			vals[d.Type] = value(d.Val, depths[name][d.Type])
			if name == "lookup" && d.Type == lookupSet {
				vals[d.Type] = d.Str()
			}
			if name == "dynset" && d.Type == dynsetExpr {
				vals[d.Type] = form(nfnl.AppendAttr(nil, listElem, d.Val), anon)
			}
			if name == "flow_offload" {
				vals[d.Type] = d.Str() // the library sends it without its NUL
			}
		}
		if name == "byteorder" && vals[byteorderLen] < vals[byteorderSize] {
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
	"immediate": {immediateData: 2},
	"cmp":       {cmpData: 1},
	"bitwise":   {bitwiseMask: 1, bitwiseXor: 1},
}

// value lists an attribute's bytes, or the attributes in it down to a depth.
func value(b []byte, depth int) string {
	if depth == 0 {
		return fmt.Sprintf("%x", b)
	}
	var s strings.Builder
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		below := depth - 1
		if a.Type != dataVerdict {
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
		delete(v, lookupSetID)
		def(lookupFlags, zero32)
		if s := v[lookupSet]; strings.HasPrefix(s, "__set") {
			v[lookupSet] = anon(s)
		}
	case "objref":
		delete(v, objrefSetID)
	case "dynset":
		delete(v, dynsetSetID)
		def(dynsetTimeout, zero32+zero32)
	case "nat":
		normalizeNAT(v)
	case "bitwise":
		def(bitwiseOp, zero32)
	case "masq":
		def(masqFlags, zero32)
	case "counter":
		clear(v)
	case "reject":
		if v[rejectType] == fmt.Sprintf("%08x", unix.NFT_REJECT_TCP_RST) {
			delete(v, rejectCode)
		}
	case "exthdr":
		def(exthdrFlags, zero32) // returned, and refused when sent: see mend
	case "hash":
		def(hashSeed, zero32)
		def(hashOffset, zero32)
	case "limit":
		delete(v, limitPad)
	case "numgen":
		def(numgenOffset, zero32)
	}
}

// normalizeNAT fills in what nft_nat_init and nft_nat_dump make of absent attributes.
func normalizeNAT(v map[uint16]string) {
	for lo, hi := range map[uint16]uint16{natAddrMin: natAddrMax, natProtoMin: natProtoMax} {
		if _, ok := v[hi]; !ok && v[lo] != "" {
			v[hi] = v[lo]
		}
	}
	flags, _ := strconv.ParseUint(v[natFlags], 16, 32)
	if v[natAddrMin] != "" {
		flags |= unix.NF_NAT_RANGE_MAP_IPS
	}
	if v[natProtoMin] != "" {
		flags |= unix.NF_NAT_RANGE_PROTO_SPECIFIED
	}
	v[natFlags] = fmt.Sprintf("%08x", flags)
}
