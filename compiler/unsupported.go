package compiler

import (
	"fmt"

	"github.com/snatctl/snatctl/policy"
)

// unsupported finds what the policy language knows and this version cannot carry out yet. It
// is refused, never ignored.
func unsupported(p *policy.Policy) policy.Diagnostics {
	var ds policy.Diagnostics
	refuse := func(w policy.Where, object, key, what string) {
		ds = append(ds, policy.Diagnostic{Pos: w.At(key), Severity: policy.Error, Code: "X01", Object: object,
			Msg: fmt.Sprintf("%s: %s is not supported yet", object, what), Hint: "this version would ignore it; leave it out, or wait for one that has it"})
	}
	// Auto asks for a flowtable where there is one to be had; this version has none to give.
	if p.Gateway.Offload == policy.OffloadSoftware {
		refuse(p.Gateway.Where, "gateway", "offload", fmt.Sprintf("offload: %s", p.Gateway.Offload))
	}
	ds.Sort()
	return ds
}
