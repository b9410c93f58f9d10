package nft

import (
	"errors"
	"fmt"
	"slices"
)

// Formed is a ruleset all of whose rules have their Form, so that it can be compared with what
// was read from a kernel. Only Forms makes one. The zero value is an empty ruleset.
type Formed struct{ r *Ruleset }

// Ruleset returns the ruleset. Who adds rules to it makes a new Formed of it.
func (f Formed) Ruleset() *Ruleset {
	if f.r == nil {
		return &Ruleset{}
	}
	return f.r
}

// Replacing returns the ruleset such that, where a chain of it has other rules in want, none of
// them counts as the same: Diff then replaces them all. That is for rulesets whose rules have no
// handles.
func (f Formed) Replacing(want Formed) *Ruleset {
	r := *f.Ruleset()
	r.Chains = slices.Clone(r.Chains)
	is := index(want.Ruleset().Chains, func(c *Chain) string { return c.Name })
	for i, c := range r.Chains {
		w := is[c.Name]
		if w == nil || slices.EqualFunc(c.Rules, w.Rules, func(a, b Rule) bool { return a.Form == b.Form && a.Comment == b.Comment }) {
			continue
		}
		own := *c
		own.Rules = slices.Clone(c.Rules)
		for n := range own.Rules {
			own.Rules[n].Form = ""
		}
		r.Chains[i] = &own
	}
	return &r
}

// Forms fills in the Form of every rule that has none yet. formOf gives it; ranges tells
// whether a named set of the ruleset holds ranges, which decides how its keys are loaded.
func Forms(r *Ruleset, formOf func(rule Rule, ranges func(set string) bool) (string, error)) (Formed, error) {
	ranges := r.Ranges()
	for _, c := range r.Chains {
		for i := range c.Rules {
			rule := &c.Rules[i]
			if rule.Form != "" {
				continue
			}
			form, err := formOf(*rule, ranges)
			if err == nil && form == "" {
				err = errors.New("it has no form")
			}
			if err != nil {
				return Formed{}, fmt.Errorf("chain %s, rule %q: %w", c.Name, rule, err)
			}
			rule.Form = form
		}
	}
	return Formed{r}, nil
}

// Ranges returns a function that tells whether a named set holds ranges.
func (r *Ruleset) Ranges() func(set string) bool {
	m := make(map[string]bool)
	for _, s := range r.Sets {
		if s.Interval {
			m[s.Name] = true
		}
	}
	return func(name string) bool { return m[name] }
}
