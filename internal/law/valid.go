package law

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/nft"
)

// validate looks at every rule and element for what the kernel refuses when it loads them,
// whether a packet comes by or not.
func (m *Machine) validate() error {
	for _, c := range m.chains {
		for _, r := range c.Rules {
			for _, s := range r.Stmts {
				if err := m.valid(s); err != nil {
					return fmt.Errorf("chain %s: %s: %w", c.Name, r, err)
				}
			}
		}
	}
	for _, t := range m.sets {
		for _, e := range t.Elements {
			if err := m.leads(e.Verdict); err != nil {
				return fmt.Errorf("map %s: %s: %w", t.Name, t.ElementString(e), err)
			}
		}
	}
	return nil
}

// leads makes sure that a verdict leads somewhere.
func (m *Machine) leads(v nft.Verdict) error {
	if v.Kind != nft.Jump && v.Kind != nft.Goto {
		return nil
	}
	switch c := m.chains[v.Chain]; {
	case c == nil:
		return fmt.Errorf("there is no chain %s", v.Chain)
	case c.Hook != nil:
		return fmt.Errorf("%s is a base chain", v.Chain)
	}
	return nil
}

func (m *Machine) valid(s nft.Stmt) error {
	var set string
	var fields []nft.Field
	switch s := s.(type) {
	case nft.Give:
		return m.leads(s.Verdict)
	case nft.Use:
		if m.objects[s.Object] == nil {
			return fmt.Errorf("there is no %s", s.Object)
		}
		return nil
	case nft.OIfIn:
		set = s.Set
	case nft.IIfIn:
		set = s.Set
	case nft.InSet:
		set, fields = s.Set, s.Key
	case nft.Vmap:
		set, fields = s.Map, s.Key
	case nft.NAT:
		set, fields = s.Map, s.Key
	case nft.Update:
		set, fields = s.Map, append(append([]nft.Field{}, s.Key...), s.Data...)
	default:
		return nil
	}
	if m.sets[set] == nil {
		return fmt.Errorf("there is no set %s", set)
	}
	for _, f := range fields {
		if (f.Kind == nft.NumgenInc || f.Kind == nft.NumgenRandom || f.Kind == nft.JHash) && f.Mod == 0 {
			return fmt.Errorf("%s chooses among nothing", f)
		}
	}
	return nil
}

// tracks tells whether a rule holds an expression that switches connection tracking on in its
// network namespace (nf_ct_netns_get). Chains of type nat alone do not.
func tracks(r *nft.Ruleset) bool {
	flows := func(fields []nft.Field) bool {
		return slices.ContainsFunc(fields, func(f nft.Field) bool {
			return f.Kind == nft.CtIPSaddr || f.Kind == nft.CtIP6Saddr || f.Kind == nft.CtIPDaddr || f.Kind == nft.CtIP6Daddr || f.Kind == nft.CtDport || f.Kind == nft.FlowMark
		})
	}
	if len(r.Objects) > 0 { // of ct timeouts (nft_ct_timeout_obj_init)
		return true
	}
	for _, c := range r.Chains {
		for _, rule := range c.Rules {
			for _, s := range rule.Stmts {
				switch s := s.(type) {
				case nft.CtNew, nft.CtOriginal, nft.CtInvalid, nft.CtStray, nft.CtEstablished, nft.CtStatus, nft.SetMark, nft.Masq:
					return true
				case nft.NAT: // of its own family alone
					if flows(s.Key) {
						return true
					}
				case nft.InSet:
					if flows(s.Key) {
						return true
					}
				case nft.Vmap:
					if flows(s.Key) {
						return true
					}
				case nft.Update:
					if flows(s.Key) {
						return true
					}
				}
			}
		}
	}
	return false
}
