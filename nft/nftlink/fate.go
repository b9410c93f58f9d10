package nftlink

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Fate is what becomes of new connections that come to the end of a chain. The zero value
// goes on.
type Fate struct {
	Drops  bool // by policy, or by a rule that looks at nothing
	Passes int  // rules before that which may let some new connections pass
}

// nfDrop is netfilter's verdict (include/uapi/linux/netfilter.h).
const nfDrop = 0

// verdictOf is how a rule ends.
type verdictOf int

const (
	goesOn verdictOf = iota
	accepts
	drops
	jumps
	goesTo
	returns
	unclear // another program or a map decides
)

// judged is a rule as far as its fate goes.
type judged struct {
	looks   bool // it has a condition
	old     bool // and that holds for no new connection
	verdict verdictOf
	chain   string // of jumps and goesTo
}

// setFates follows the rules of the base chains that filter at forward.
func (c *Conn) setFates(ctx context.Context, family byte, chains []BaseChain) error {
	tables := make(map[string]map[string][]judged)
	for i := range chains {
		b := &chains[i]
		if b.Type != "filter" || b.Hook != "forward" {
			continue
		}
		if tables[b.Table] == nil {
			rules, err := c.judgedRules(ctx, family, b.Table)
			if err != nil {
				return fmt.Errorf("list the rules of table %s: %w", b.Table, err)
			}
			tables[b.Table] = rules
		}
		end, passes := follow(tables[b.Table], b.Name, 0)
		if end == goesOn && b.drops {
			end = drops
		}
		if end == drops {
			b.Fate = Fate{Drops: true, Passes: passes}
		}
	}
	return nil
}

func (c *Conn) judgedRules(ctx context.Context, family byte, table string) (map[string][]judged, error) {
	rules := make(map[string][]judged)
	err := c.requestOf(ctx, family, unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, nfnl.AppendString(nil, unix.NFTA_RULE_TABLE, table), func(b []byte) error {
		chain, list, in := "", []byte(nil), ""
		for a := (nfnl.Attrs{Rest: b}); a.Next(); {
			switch a.Type {
			case unix.NFTA_RULE_TABLE:
				in = a.Str()
			case unix.NFTA_RULE_CHAIN:
				chain = a.Str()
			case unix.NFTA_RULE_EXPRESSIONS:
				list = a.Val
			}
		}
		if in == table {
			rules[chain] = append(rules[chain], judge(list))
		}
		return nil
	})
	return rules, err
}

// deepest is how far jumps go (NFT_JUMP_STACK_SIZE, include/net/netfilter/nf_tables.h).
const deepest = 16

// follow walks a chain. It returns goesOn where its end is reached, and how many of its rules
// may have let new connections pass by then.
func follow(rules map[string][]judged, chain string, depth int) (end verdictOf, passes int) {
	if depth > deepest {
		return unclear, 0
	}
	for _, r := range rules[chain] {
		if r.old {
			continue
		}
		switch r.verdict {
		case jumps, goesTo:
			below, n := follow(rules, r.chain, depth+1)
			passes += n
			if r.looks && (below == accepts || below == unclear || r.verdict == goesTo && below != drops) {
				passes++
			}
			if !r.looks && (below != goesOn || r.verdict == goesTo) {
				return below, passes
			}
		case accepts, unclear, returns:
			if r.looks {
				passes++
				continue
			}
			if r.verdict == returns {
				return goesOn, passes
			}
			return r.verdict, passes
		case drops:
			if !r.looks {
				return drops, passes
			}
		}
	}
	return goesOn, passes
}

// judge reads a rule's expressions. What it does not know it takes for a condition.
func judge(list []byte) (r judged) {
	var state bool // the expression before loaded ct state
	for a := (nfnl.Attrs{Rest: list}); a.Next(); {
		e := expression{nfnl.Find(a.Val, unix.NFTA_EXPR_DATA)}
		name := (&nfnl.Attrs{Val: nfnl.Find(a.Val, unix.NFTA_EXPR_NAME)}).Str()
		switch name {
		case "counter", "log", "last":
		case "reject":
			r.verdict = drops
		case "queue":
			r.verdict = unclear
		case "target": // of iptables: what is not known here changes packets and goes on
			switch e.str(unix.NFTA_TARGET_NAME) {
			case "REJECT":
				r.verdict = drops
			case "NFQUEUE", "SYNPROXY":
				r.verdict = unclear
			}
		case "immediate":
			r.immediate(e)
		case "lookup":
			r.looks = true
			if len(e.find(unix.NFTA_LOOKUP_DREG)) == 4 && e.u32(unix.NFTA_LOOKUP_DREG) == unix.NFT_REG_VERDICT {
				r.verdict = unclear
			}
		default:
			r.looks = true
			if name == "bitwise" && state {
				r.old = e.onlyOld()
			}
		}
		state = name == "ct" && e.u32(unix.NFTA_CT_KEY) == unix.NFT_CT_STATE && len(e.find(unix.NFTA_CT_KEY)) == 4
	}
	return r
}

func (r *judged) immediate(e expression) {
	verdict := nfnl.Find(e.find(unix.NFTA_IMMEDIATE_DATA), unix.NFTA_DATA_VERDICT)
	if verdict == nil {
		return // it loads a value
	}
	v := expression{verdict}
	r.chain = v.str(unix.NFTA_VERDICT_CHAIN)
	switch int32(v.u32(unix.NFTA_VERDICT_CODE)) {
	case nfDrop:
		r.verdict = drops
	case nfAccept:
		r.verdict = accepts
	case unix.NFT_JUMP:
		r.verdict = jumps
	case unix.NFT_GOTO:
		r.verdict = goesTo
	case unix.NFT_RETURN:
		r.verdict = returns
	case unix.NFT_CONTINUE:
	default:
		r.verdict = unclear
	}
}

// expression is the attributes of an expression.
type expression struct{ data []byte }

func (e expression) find(typ uint16) []byte { return nfnl.Find(e.data, typ) }
func (e expression) u32(typ uint16) uint32  { return (&nfnl.Attrs{Val: e.find(typ)}).U32() }
func (e expression) str(typ uint16) string  { return (&nfnl.Attrs{Val: e.find(typ)}).Str() }

// onlyOld tells whether a mask of ct state leaves new and untracked packets out. Its bits are
// NF_CT_STATE_BIT and NF_CT_STATE_UNTRACKED_BIT (include/uapi/linux/netfilter/nf_conntrack_common.h).
func (e expression) onlyOld() bool {
	const fresh = 1<<3 | 1<<6
	mask := nfnl.Find(e.find(unix.NFTA_BITWISE_MASK), unix.NFTA_DATA_VALUE)
	return len(mask) == 4 && binary.NativeEndian.Uint32(mask)&fresh == 0
}
