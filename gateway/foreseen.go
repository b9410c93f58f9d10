package gateway

import (
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// Foreseen is the picture of a table that a policy makes, wherever it stands: for those who know what
// is in force, and only ask whom flows belong to.
func (w *Wanted) Foreseen() (*Picture, error) {
	p := &Picture{Table: w.Ruleset.Table, Stands: true, Bindings: readback.Bindings(w.Ruleset)}
	return p, p.locate()
}

// Lint returns what the rules of good practice say of the policy, less what its text has accepted.
func (w *Wanted) Lint() policy.Diagnostics {
	return lint.Apply(lint.Check(w.Policy.Written()), w.Sources, lint.Ran{})
}
