package wire

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// lacks returns what the kernel does not have, if that is why it refuses an object: a module,
// or what its version does not know yet. Offset is where in the message the kernel stopped
// reading, 0 if it does not say.
//
// The kernel looks for a module by a name in the message and answers ENOENT when there is none
// (net/netfilter/nf_tables_api.c: nft_expr_type_get, nf_tables_chain_type_lookup), EOPNOTSUPP
// for a kind of set that it cannot hold (nft_select_set_ops) or a hook (nft_chain_parse_hook).
func (t *Batch) lacks(o origin, e unix.Errno, offset int) string {
	missing, unable := e == unix.ENOENT, e == unix.EOPNOTSUPP || e == unix.EAFNOSUPPORT
	switch op := o.op; {
	case op == nil:
		if unable {
			return "tables of family inet (CONFIG_NF_TABLES_INET)"
		}
	case op.Object != nil:
		if op.Mark == nft.Add && (missing || unable) {
			return "objects " + op.Object.Ref().Kind.String() + " with what it is given here (" + objectCodecs[op.Object.Ref().Kind].option + ")"
		}
	case op.Flowtable != nil && op.Mark == nft.Add && (missing || unable):
		return flowtables(op.Flowtable)
	case op.Flowtable != nil, op.Elements != nil:
	case op.Set != nil:
		if unable && op.Mark == nft.Add {
			return "maps of this kind (Linux 5.10 or newer has)"
		}
	case op.Rules != nil:
		name := t.expressionAt(o, offset)
		switch {
		case name == "":
		case unable:
			return "expression " + name + " with what it is given here (Linux 5.10 to 7.3 have)"
		case missing && !namesObject[name]:
			return "expression " + name + " (module " + moduleOf(name) + ", CONFIG_" + strings.ToUpper(moduleOf(name)) + ")"
		}
	case op.Chain.Hook != nil && op.Mark == nft.Add && (missing || unable):
		if op.Chain.Hook.Type == "nat" {
			return "chains of type nat (module nft_chain_nat, CONFIG_NFT_NAT)"
		}
		return "chains of type " + op.Chain.Hook.Type + " in family inet (CONFIG_NF_TABLES_INET)"
	}
	return ""
}

// namesObject are expressions that are refused with ENOENT, too, when the map, set or chain
// that they name is missing.
var namesObject = map[string]bool{"lookup": true, "dynset": true, "objref": true, "immediate": true}

// moduleOf returns the module that has an expression.
func moduleOf(expression string) string {
	switch expression {
	case "reject":
		return "nft_reject_inet"
	case "notrack":
		return "nft_ct"
	}
	return "nft_" + expression
}

// expressionAt returns the name of the rule's expression that an offset into its message
// points at, "" if there is none.
func (t *Batch) expressionAt(o origin, offset int) string {
	msg := t.b[o.at:]
	msg = msg[:binary.NativeEndian.Uint32(msg)]
	for top := (nfnl.Attrs{Rest: msg[unix.NLMSG_HDRLEN+4:]}); top.Next(); {
		if top.Type != ruleExpressions {
			continue
		}
		for list := (nfnl.Attrs{Rest: top.Val}); list.Next(); {
			end := len(msg) - len(top.Rest) - len(list.Rest)
			if start := end - nfnl.Align(len(list.Val)) - unix.NLA_HDRLEN; start <= offset && offset < end {
				return strings.TrimRight(string(nfnl.Find(list.Val, exprName)), "\x00")
			}
		}
	}
	return ""
}
