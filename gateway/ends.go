package gateway

import (
	"context"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
)

// Foreseen is the picture of a table that a policy makes, wherever it stands: for those who know what
// is in force, and only ask whom flows belong to.
func (w *Wanted) Foreseen() (*Picture, error) {
	p := &Picture{Table: w.Ruleset.Table, Stands: true, Bindings: readback.Bindings(w.Ruleset)}
	return p, p.locate()
}

// EndFlows ends the flows that takes takes, and returns how many. Packets that are on their way when it
// is called are waited for, since they may still make a flow.
func (r *Reader) EndFlows(ctx context.Context, p *Picture, takes func(*ct.Flow, *ct.Owner) bool) (int, error) {
	(&Gateway{tell: func(Event) {}}).settle()
	keys, err := r.Select(ctx, p, takes)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	return r.End(ctx, keys)
}
