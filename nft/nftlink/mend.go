package nftlink

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of expressions that x/sys/unix lacks (include/uapi/linux/netfilter/nf_tables.h).
const (
	exthdrType  = 2 // NFTA_EXTHDR_TYPE
	exthdrFlags = 5 // NFTA_EXTHDR_FLAGS
	exthdrOp    = 6 // NFTA_EXTHDR_OP
	exthdrSreg  = 7 // NFTA_EXTHDR_SREG
	osfFlags    = 3 // NFTA_OSF_FLAGS
)

// mend returns a rule's attributes as the kernel takes them: some expressions are returned with
// attributes that it refuses when they are sent.
func mend(rule []byte) []byte {
	if !strings.Contains(string(rule), "exthdr\x00") && !strings.Contains(string(rule), "osf\x00") {
		return rule
	}
	var out []byte
	for a := (attrs{rest: rule}); a.next(); {
		if a.typ != unix.NFTA_RULE_EXPRESSIONS {
			out = appendAttr(out, a.typ, a.val)
			continue
		}
		var list int
		out, list = openNest(out, a.typ)
		for e := (attrs{rest: a.val}); e.next(); {
			out = appendMended(out, e.val)
		}
		closeNest(out, list)
	}
	return out
}

// appendMended appends one expression to a list.
func appendMended(b, expression []byte) []byte {
	name, data := nameOf(expression, unix.NFTA_EXPR_NAME), find(expression, unix.NFTA_EXPR_DATA)
	refused := refusedAttrs(name, data)
	if refused == nil {
		return appendAttr(b, unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, expression)
	}
	b, at := openNest(b, unix.NFTA_LIST_ELEM)
	b = appendString(b, unix.NFTA_EXPR_NAME, name)
	b, nest := openNest(b, unix.NFTA_EXPR_DATA)
	for a := (attrs{rest: data}); a.next(); {
		if !refused(a.typ) {
			b = appendAttr(b, a.typ, a.val)
		}
	}
	closeNest(b, nest)
	closeNest(b, at)
	return b
}

// refusedAttrs tells which attributes of an expression the kernel returns but does not take;
// nil: none (net/netfilter/nft_exthdr.c, nft_exthdr_tcp_set_init and nft_exthdr_tcp_strip_init;
// net/netfilter/nft_osf.c, nft_osf_init).
func refusedAttrs(name string, data []byte) func(uint16) bool {
	flags := attrs{val: find(data, osfFlags)}
	switch {
	case name == "exthdr" && find(data, exthdrSreg) != nil: // sets an option's field
		return func(typ uint16) bool { return typ == exthdrFlags }
	case name == "exthdr" && find(data, unix.NFTA_EXTHDR_DREG) == nil: // removes an option
		return func(typ uint16) bool { return typ != exthdrType && typ != exthdrOp }
	case name == "osf" && flags.u32() == 0:
		return func(typ uint16) bool { return typ == osfFlags }
	}
	return nil
}
