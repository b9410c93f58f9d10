package compiler

import (
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Steer tells what becomes of the table when uplinks go down or come up: the data of some elements changes, of
// those maps in which zones choose among uplinks. was and is are the policy in both states. nft.Diff of live and
// want is what there is to do.
func (o *Outline) Steer(was, is *policy.Policy) (live, want *nft.Ruleset) {
	table := func(p *policy.Policy) *nft.Ruleset {
		b := newBuilder(o.a)
		r := &nft.Ruleset{Table: p.Gateway.Table, Comment: layout.TableComment}
		for _, s := range inOrder(o.lasting.sets, func(s *nft.Set) string { return s.Name }) {
			name, _ := layout.ParseSet(s.Name)
			if name.Kind != layout.Choice {
				continue
			}
			own := *s
			own.Elements = b.chosenBy(name, &p.Gateway)
			r.Sets = append(r.Sets, &own)
		}
		return r
	}
	return table(was), table(is)
}

// chosenBy returns the elements of a map in which zones choose.
func (b *builder) chosenBy(name layout.Name, g *policy.Gateway) (out []nft.Element) {
	choice := policy.UplinkChoice{Balance: name.Variant.Then == policy.Balance}
	if !choice.Balance {
		choice.Names = strings.Split(name.Variant.Then, "/")
	}
	for slot, u := range g.WaysBySlot(choice, name.Family) {
		out = append(out, nft.Element{Key: b.wire.Slot(slot).Take(), Verdict: gotoChain(uplinkChain(layout.ChainVia, u.Name))})
	}
	return out
}
