package gateway

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/host"
)

// mostClashes bounds how many clashes are named.
const mostClashes = 5

// warnOfSiblings says which objects of the policy clash with those of another table that snatctl
// made here. What cannot be read says nothing: the operation itself will.
func (g *Gateway) warnOfSiblings(ctx context.Context, w *Wanted) {
	all, err := host.Siblings(ctx, g.conn, w.Ruleset)
	if err != nil {
		return
	}
	for _, s := range all {
		for i, c := range s.Clashes {
			if i == mostClashes {
				g.tell(Warning{fmt.Errorf("and %d more of table inet %s; see `snatctl lint --live`", len(s.Clashes)-i, s.Table)})
				break
			}
			g.tell(Warning{fmt.Errorf("table inet %s is another policy's, and both decide: %s; which one does depends on which table was made first", s.Table, c)})
		}
	}
}
