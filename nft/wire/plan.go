package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Bytes that one element or rule takes, roughly, for the first allocation.
const elementBytes, ruleBytes = 96, 512

// Encode returns the transaction that carries out a plan if the ruleset's generation is
// still gen; 0 does not look at it.
func Encode(p nft.Plan, firstSeq, gen uint32) (*Batch, error) {
	rules, elements := p.Counts()
	t := newBatch(p.Table(), firstSeq, gen, 4096+(elements.Add+elements.Delete)*elementBytes+rules.Add*ruleBytes)
	t.wholeTable(p)
	if err := t.ops(p); err != nil {
		return nil, err
	}
	t.acknowledge()
	return t, nil
}

// EncodeTry returns a transaction without an end that makes a table from nothing, switched off:
// the kernel validates it and then throws it away (nfnetlink_rcv_batch).
func EncodeTry(want nft.Formed, firstSeq uint32) (*Batch, error) {
	t := newBatch(want.Ruleset().Table, firstSeq, 0, 0)
	t.start(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, origin{})
	t.b = nfnl.AppendU32(t.b, tableFlags, tableDormant)
	t.end()
	if err := t.ops(nft.Diff(nil, want)); err != nil {
		return nil, err
	}
	t.ask()
	return t, nil
}

// EncodeDelete returns the transaction that removes a table and nothing else.
func EncodeDelete(table string, firstSeq uint32) *Batch {
	t := newBatch(table, firstSeq, 0, 0)
	t.start(unix.NFT_MSG_DELTABLE, 0, origin{})
	t.end()
	t.acknowledge()
	return t
}

// ops adds all that a plan does below the table. The elements that change go away first, since
// what they refer to may be deleted; they come back where the plan has them.
func (t *Batch) ops(p nft.Plan) error {
	for i := range p.Ops {
		if o := &p.Ops[i]; o.Mark == nft.Change {
			t.elementMessages(o, o.Was, unix.NFT_MSG_DELSETELEM, 0)
		}
	}
	ranges := p.Want.Ruleset().Ranges()
	for i := range p.Ops {
		if err := t.op(&p.Ops[i], ranges); err != nil {
			return err
		}
	}
	return nil
}

func (t *Batch) op(o *nft.Op, ranges func(string) bool) error {
	switch {
	case o.Object != nil:
		return t.object(o)
	case o.Flowtable != nil:
		t.flowtable(o)
	case o.Set != nil && o.Elements != nil:
		t.elements(o)
	case o.Set != nil:
		t.set(o)
	case o.Rules != nil && o.Mark == nft.Add:
		for i := range o.Rules {
			if err := t.addRule(o, i, ranges); err != nil {
				return err
			}
		}
	case o.Rules != nil:
		for i := range o.Rules {
			t.deleteRule(o, i)
		}
	default:
		t.chain(o)
	}
	return nil
}
