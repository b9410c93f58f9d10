package wire

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// mend returns a rule's attributes as the kernel takes them: some expressions are returned with
// attributes that it refuses when they are sent.
func mend(rule []byte) []byte {
	if !slices.ContainsFunc([]string{"exthdr\x00", "osf\x00", "dynset\x00"}, func(name string) bool { return strings.Contains(string(rule), name) }) {
		return rule
	}
	var out []byte
	for a := (nfnl.Attrs{Rest: rule}); a.Next(); {
		if a.Type != ruleExpressions {
			out = nfnl.AppendAttr(out, a.Type, a.Val)
			continue
		}
		var list int
		out, list = nfnl.OpenNest(out, a.Type)
		for e := (nfnl.Attrs{Rest: a.Val}); e.Next(); {
			out = appendMended(out, e.Val)
		}
		nfnl.CloseNest(out, list)
	}
	return out
}

// appendMended appends one expression to a list.
func appendMended(b, expression []byte) []byte {
	name, data := nameOf(expression, exprName), nfnl.Find(expression, exprData)
	refused := refusedAttrs(name, data)
	if refused == nil {
		return nfnl.AppendAttr(b, unix.NLA_F_NESTED|listElem, expression)
	}
	b, at := nfnl.OpenNest(b, listElem)
	b = nfnl.AppendString(b, exprName, name)
	b, nest := nfnl.OpenNest(b, exprData)
	for a := (nfnl.Attrs{Rest: data}); a.Next(); {
		if !refused(a.Type) {
			b = nfnl.AppendAttr(b, a.Type, a.Val)
		}
	}
	nfnl.CloseNest(b, nest)
	nfnl.CloseNest(b, at)
	return b
}

// refusedAttrs tells which attributes of an expression the kernel returns but does not take;
// nil: none (net/netfilter/nft_exthdr.c, nft_exthdr_tcp_set_init and nft_exthdr_tcp_strip_init;
// net/netfilter/nft_osf.c, nft_osf_init; net/netfilter/nft_dynset.c, nft_dynset_init: no timeout, not even 0,
// where the set has none).
func refusedAttrs(name string, data []byte) func(uint16) bool {
	flags := nfnl.Attrs{Val: nfnl.Find(data, osfFlags)}
	switch {
	case name == "exthdr" && nfnl.Find(data, exthdrSreg) != nil: // sets an option's field
		return func(typ uint16) bool { return typ == exthdrFlags }
	case name == "exthdr" && nfnl.Find(data, exthdrDreg) == nil: // removes an option
		return func(typ uint16) bool { return typ != exthdrType && typ != exthdrOp }
	case name == "osf" && flags.U32() == 0:
		return func(typ uint16) bool { return typ == osfFlags }
	case name == "dynset" && string(nfnl.Find(data, dynsetTimeout)) == string(make([]byte, 8)):
		return func(typ uint16) bool { return typ == dynsetTimeout }
	}
	return nil
}
