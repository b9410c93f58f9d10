package wire

import (
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a rule (enum nft_rule_attributes), and of each of its expressions (enum
// nft_expr_attributes).
const (
	ruleTable       = unix.NFTA_RULE_TABLE       // string
	ruleChain       = unix.NFTA_RULE_CHAIN       // string
	ruleHandle      = unix.NFTA_RULE_HANDLE      // u64: the kernel's name for it
	ruleExpressions = unix.NFTA_RULE_EXPRESSIONS // list of expressions, each an NFTA_LIST_ELEM
	ruleCompat      = unix.NFTA_RULE_COMPAT      // list: of rules that iptables-nft made
	ruleUserdata    = unix.NFTA_RULE_USERDATA    // bytes that the kernel keeps for nft: the comment

	exprName = unix.NFTA_EXPR_NAME // string: what it does
	exprData = unix.NFTA_EXPR_DATA // list: attributes by that name
)

// addRule appends a rule to its chain, behind the anonymous sets that it uses.
func (t *Batch) addRule(o *nft.Op, i int, ranges func(string) bool) error {
	es, anon := lower(o.Rules[i], ranges)
	ids := make([]uint32, len(anon))
	for n, protos := range anon {
		t.setID++
		ids[n] = t.setID
		t.addAnonymous(t.setID, protos, origin{op: o, index: i})
	}
	t.start(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, origin{op: o, index: i})
	t.b = nfnl.AppendString(t.b, ruleChain, o.Chain.Name)
	var at int
	var err error
	t.b, at = nfnl.OpenNest(t.b, ruleExpressions)
	t.b, err = appendExprs(t.b, es, func(n int) uint32 { return ids[n] })
	if err != nil {
		return fmt.Errorf("chain %s, rule %q: %w", o.Chain.Name, o.Rules[i], err)
	}
	nfnl.CloseNest(t.b, at)
	if c := o.Rules[i].Comment; c != "" {
		t.b = nfnl.AppendAttr(t.b, ruleUserdata, commentUserdata(c))
	}
	t.end()
	return nil
}

// deleteRule deletes a rule by its handle. Where no handles are known all rules of the chain go
// (net/netfilter/nf_tables_api.c, nf_tables_delrule), with the first.
func (t *Batch) deleteRule(o *nft.Op, i int) {
	if o.Rules[i].Handle == 0 {
		if i == 0 {
			t.start(unix.NFT_MSG_DELRULE, 0, origin{op: o, index: i})
			t.b = nfnl.AppendString(t.b, ruleChain, o.Chain.Name)
			t.end()
		}
		return
	}
	t.start(unix.NFT_MSG_DELRULE, 0, origin{op: o, index: i})
	t.b = nfnl.AppendString(t.b, ruleChain, o.Chain.Name)
	t.b = nfnl.AppendU64(t.b, ruleHandle, o.Rules[i].Handle)
	t.end()
}

// appendExprs appends a list of expressions; anonID gives the transaction's number for the
// n-th anonymous set among them.
func appendExprs(b []byte, es []any, anonID func(n int) uint32) ([]byte, error) {
	n := 0
	for _, e := range es {
		if own, ok := e.(objref); ok {
			b = own.appendTo(b)
			continue
		}
		if l, ok := e.(*expr.Lookup); ok && l.SetName == anonName {
			l.SetID = anonID(n)
			n++
		}
		x, err := expr.Marshal(unix.NFPROTO_INET, e.(expr.Any))
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", e, err)
		}
		b = nfnl.AppendAttr(b, unix.NLA_F_NESTED|listElem, x)
	}
	return b, nil
}

// DecodeRule reads a rule, and the name of its chain. anonymous gives the contents of an
// anonymous set by its name, as AnonymousForm lists them.
func DecodeRule(b []byte, anonymous func(set string) string) (chain string, rule nft.Rule) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case ruleChain:
			chain = a.Str()
		case ruleHandle:
			rule.Handle = a.U64()
		case ruleExpressions:
			rule.Form = form(a.Val, anonymous)
		case ruleUserdata:
			rule.Comment = Comment(a.Val)
		}
	}
	return chain, rule
}
