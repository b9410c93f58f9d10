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
	for i := range p.Laddrs {
		unsupportedPool(&p.Laddrs[i], "pool "+p.Laddrs[i].Name, refuse)
	}
	for i := range p.Zones {
		z := &p.Zones[i]
		object := "zone " + z.Name
		for _, key := range []string{"to", "ports", "iif", "oif", "map"} {
			if z.Has(key) {
				refuse(z.Where, object, key, key)
			}
		}
		if z.Laddrs != nil && z.Laddrs.Name == "" {
			unsupportedPool(z.Laddrs, object, refuse)
		}
	}
	for i := range p.Services {
		s := &p.Services[i]
		object := "service " + s.Name
		for _, key := range []string{"persistence", "allow", "deny"} {
			if s.Has(key) {
				refuse(s.Where, object, key, key)
			}
		}
		if s.Laddrs != nil && s.Laddrs.Name == "" {
			unsupportedPool(s.Laddrs, object, refuse)
		}
	}
	ds.Sort()
	return ds
}

type refuser func(w policy.Where, object, key, what string)

func unsupportedPool(p *policy.Pool, object string, refuse refuser) {
	if p.Block != 0 {
		refuse(p.Where, object, "block", "block")
	}
}
