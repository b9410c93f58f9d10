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
	if p.Gateway.Offload != policy.OffloadOff {
		refuse(p.Gateway.Where, "gateway", "offload", fmt.Sprintf("offload: %s", p.Gateway.Offload))
	}
	for i := range p.Services {
		s := &p.Services[i]
		for _, mask := range []struct {
			key  string
			bits int
		}{{"mask4", s.Persistence.Mask4}, {"mask6", s.Persistence.Mask6}} {
			if s.Persistence.Timeout > 0 && mask.bits == 0 {
				refuse(s.Where, "service "+s.Name, "persistence", fmt.Sprintf("persistence with %s: 0, all clients as one,", mask.key))
			}
		}
	}
	ds.Sort()
	return ds
}
