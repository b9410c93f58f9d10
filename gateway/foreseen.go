package gateway

import "github.com/snatctl/snatctl/compiler/readback"

// Foreseen is the picture of a table that a policy makes, wherever it stands: for those who know what
// is in force, and only ask whom flows belong to.
func (w *Wanted) Foreseen() (*Picture, error) {
	p := &Picture{Table: w.Ruleset.Table, Stands: true, Bindings: readback.Bindings(w.Ruleset)}
	return p, p.locate()
}
