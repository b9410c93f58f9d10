package wire

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Fate is what becomes of new connections that come to the end of a chain. The zero value
// goes on.
type Fate struct {
	Drops  bool // by policy, or by a rule that looks at nothing
	Passes int  // rules before that which may let some new connections pass
}

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

// Judged are a table's rules by chain, as far as the fate of new connections goes. The zero
// value is no table: make one.
type Judged map[string][]judged

// Take takes a rule's message, if it is of the table.
func (r Judged) Take(b []byte, table string) {
	chain, list, in := "", []byte(nil), ""
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case ruleTable:
			in = a.Str()
		case ruleChain:
			chain = a.Str()
		case ruleExpressions:
			list = a.Val
		}
	}
	if in == table {
		r[chain] = append(r[chain], judge(list))
	}
}

// Filters tells whether the chain decides about forwarded connections, so that it has a Fate.
func (c *BaseChain) Filters() bool { return c.Type == "filter" && c.Hook == "forward" }

// Judge follows the chain's rules and gives it its Fate.
func (c *BaseChain) Judge(rules Judged) {
	end, passes := follow(rules, c.Name, 0)
	if end == goesOn && c.drops {
		end = drops
	}
	if end == drops {
		c.Fate = Fate{Drops: true, Passes: passes}
	}
}

// deepest is how far jumps go (NFT_JUMP_STACK_SIZE, include/net/netfilter/nf_tables.h).
const deepest = 16

// follow walks a chain. It returns goesOn where its end is reached, and how many of its rules
// may have let new connections pass by then.
func follow(rules Judged, chain string, depth int) (end verdictOf, passes int) {
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
		e := expression{nfnl.Find(a.Val, exprData)}
		name := (&nfnl.Attrs{Val: nfnl.Find(a.Val, exprName)}).Str()
		switch name {
		case "counter", "log", "last":
		case "reject":
			r.verdict = drops
		case "queue":
			r.verdict = unclear
		case "target": // of iptables: what is not known here changes packets and goes on
			switch e.str(targetName) {
			case "REJECT":
				r.verdict = drops
			case "NFQUEUE", "SYNPROXY":
				r.verdict = unclear
			}
		case "match": // of iptables
			r.looks = true
			r.old = r.old || NoNew(e.str(matchName), uint8(e.u32(matchRevision)), e.find(matchInfo))
		case "immediate":
			r.immediate(e)
		case "lookup":
			r.looks = true
			if len(e.find(lookupDreg)) == 4 && e.u32(lookupDreg) == unix.NFT_REG_VERDICT {
				r.verdict = unclear
			}
		default:
			r.looks = true
			if name == "bitwise" && state {
				r.old = e.onlyOld()
			}
		}
		state = name == "ct" && e.u32(ctKey) == unix.NFT_CT_STATE && len(e.find(ctKey)) == 4
	}
	return r
}

func (r *judged) immediate(e expression) {
	verdict := nfnl.Find(e.find(immediateData), dataVerdict)
	if verdict == nil {
		return // it loads a value
	}
	v := expression{verdict}
	r.chain = v.str(verdictChain)
	switch int32(v.u32(verdictCode)) {
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
	mask := nfnl.Find(e.find(bitwiseMask), dataValue)
	return len(mask) == 4 && binary.NativeEndian.Uint32(mask)&fresh == 0
}
