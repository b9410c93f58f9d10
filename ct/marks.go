package ct

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// MarkBits are the bits of a flow's mark that name the service by mark which sent it on.
const MarkBits = 1<<24 - 1

// marked is where a service takes connections by their mark.
type marked struct {
	family inet.Family
	mark   uint32
}

// markOf returns the place of a front with a mark.
func (f Front) markOf() marked { return marked{inet.FamilyOf(f.VIP), f.Mark} }

// takesMark returns the card of the service that takes connections with the flow's mark, or none.
func (x *Index) takesMark(f *Flow) card {
	if f.Mark&MarkBits == 0 || len(x.marks) == 0 {
		return none
	}
	if of, ok := x.marks[marked{inet.FamilyOf(f.Orig.Dst.Addr()), f.Mark & MarkBits}]; ok {
		return of
	}
	return none
}

// claimant finds the service that sent the flow on: the one with its mark, or the one that it called. Others use
// flows' marks, too: so one that goes to no real server of the first, but has called the second, is the second's.
func (x *Index) claimant(f *Flow, c *match) {
	byMark, called := x.takesMark(f), x.service(f.Orig.Proto, f.Orig.Dst)
	c.card = called
	if byMark >= 0 && (called < 0 || x.reached(byMark, f) >= 0) {
		c.card, c.marked = byMark, true
	}
	if c.service = x.cards.service(c.card); c.service >= 0 {
		c.server = x.reached(c.card, f)
	}
}

// reached returns which real server of the service with a card the flow goes to, or none.
func (x *Index) reached(of card, f *Flow) int32 {
	if f.Reply.Src.Port() == 0 && f.Orig.hasEnds() { // a master's (Flow.master)
		return x.serverAt(x.cards.service(of), f.Reply.Src.Addr())
	}
	return x.server(of, f.Orig.Dst.Port(), f.Reply.Src)
}

// place says where a flow was taken: at its mark, or at the address that it called.
func (c *match) place(f *Flow) string {
	if c.marked {
		return Front{VIP: netip.IPv4Unspecified(), Mark: f.Mark & MarkBits}.String()
	}
	return f.Orig.Proto.String() + " at " + address(f.Orig.Proto, f.Orig.Dst)
}
