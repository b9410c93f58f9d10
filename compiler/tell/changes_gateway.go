package tell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/nft"
)

// gateway reports what concerns the table as a whole: uplinks, and rules that are not the
// policy's.
func (c *changes) gateway(live, want *nft.Ruleset, plan nft.Plan, t touched) {
	switch plan.Whole {
	case nft.Create:
		c.add(AddObject, KindGateway, c.table, "new table inet "+c.table)
		return
	case nft.Replace:
		c.add(ChangeObject, KindGateway, c.table, "table is made anew: "+plan.Reason)
		return
	case nft.Wake:
		c.add(ChangeObject, KindGateway, c.table, "table is switched on again (it was dormant)")
	}
	var details []string
	for _, op := range plan.Ops {
		if op.Set == nil || op.Set.Name != layout.Uplinks.String() {
			continue
		}
		for mark, e := range op.Marked() {
			details = append(details, fmt.Sprintf("%c uplink %s", mark, strings.Trim(op.Set.KeyString(*e), `"`)))
		}
	}
	details = append(details, uplinkChanges(plan)...)
	details = append(details, offloadChanges(plan)...)
	details = append(details, gatewayTimeouts(live, want)...)
	details = append(details, mssChange(readback.MSS(live), readback.MSS(want), "none")...)
	details = append(details, ruleChanges(plan)...)
	if t.unmatched {
		details = append(details, "what no zone matches: sources that are rejected change")
	}
	details = append(details, t.strays...)
	details = append(details, strangers(live, want)...)
	for _, d := range details {
		c.add(ChangeObject, KindGateway, c.table, d)
	}
}

// ruleChanges lists rules that appear or vanish in the chains that every table has. Rules
// that a plan deletes and adds again, because one before them changed, are no change; nor
// are those that come or go with their chain or the map that they look into.
func ruleChanges(plan nft.Plan) []string {
	type rule struct{ chain, form string }
	count := make(map[rule]int)
	for _, op := range plan.Ops {
		for _, r := range op.Rules {
			if op.Mark == nft.Add {
				count[rule{op.Chain.Name, r.Form}]++
			} else {
				count[rule{op.Chain.Name, r.Form}]--
			}
		}
	}
	type part struct {
		mark nft.Mark
		name string // of a chain or map
	}
	whole := make(map[part]bool)
	for _, op := range plan.Ops {
		switch {
		case op.Set != nil && op.Elements == nil:
			whole[part{op.Mark, op.Set.Name}] = true
		case op.Chain != nil && op.Rules == nil:
			whole[part{op.Mark, op.Chain.Name}] = true
		}
	}
	var out []string
	for _, op := range plan.Ops {
		if op.Chain == nil || !layout.KindOfChain(op.Chain.Name).Fixed() || whole[part{op.Mark, op.Chain.Name}] {
			continue
		}
		for _, r := range op.Rules {
			if whole[part{op.Mark, mapOf(r)}] || op.Chain.Name == layout.ChainSegments.String() && r.Comment != "" { // mssChange says it
				continue
			}
			id := rule{op.Chain.Name, r.Form}
			if n := count[id]; n < 0 && op.Mark == nft.Delete || n > 0 && op.Mark == nft.Add {
				out = append(out, fmt.Sprintf("chain %s: %c %s", op.Chain.Name, op.Mark, ruleText(r)))
				count[id] -= map[bool]int{true: 1, false: -1}[n > 0]
			}
		}
	}
	return out
}

// mapOf returns the set or map that a rule looks into; "" where it has none.
func mapOf(r nft.Rule) string {
	for _, s := range r.Stmts {
		switch s := s.(type) {
		case nft.Vmap:
			return s.Map
		case nft.NAT:
			return s.Map
		case nft.InSet:
			return s.Set
		}
	}
	return ""
}

func ruleText(r nft.Rule) string {
	if len(r.Stmts) > 0 {
		return r.String()
	}
	return fmt.Sprintf("the rule with handle %d, which the policy does not make (`nft -a list chain` shows it)", r.Handle)
}

// strangers lists objects, sets and chains in the kernel that no policy makes.
func strangers(live, want *nft.Ruleset) []string {
	var out []string
	for _, o := range live.Objects {
		if want.Object(o.Ref()) == nil && !layout.Makes(o.Ref()) {
			out = append(out, "- "+o.Ref().String()+", which snatctl did not make")
		}
	}
	for _, s := range live.Sets {
		if _, ours := layout.ParseSet(s.Name); !ours && want.Set(s.Name) == nil {
			out = append(out, "- set "+s.Name+", which snatctl did not make")
		}
	}
	for _, ch := range live.Chains {
		if _, ours := layout.ParseChain(ch.Name); !ours && want.Chain(ch.Name) == nil {
			out = append(out, "- chain "+ch.Name+", which snatctl did not make")
		}
	}
	return out
}

func tally(plan nft.Plan) string {
	rules, elements := plan.Counts()
	return fmt.Sprintf("%d rules and %d elements to add, %d and %d to delete", rules.Add, elements.Add, rules.Delete, elements.Delete)
}

// offloadChanges tells what a plan does to the flowtable. Where interfaces came or went it is
// the host that has changed, not the policy.
func offloadChanges(plan nft.Plan) (out []string) {
	made := slices.ContainsFunc(plan.Ops, func(op nft.Op) bool {
		return op.Chain != nil && op.Chain.Name == layout.ChainOffload.String() && op.Rules == nil
	})
	for _, op := range plan.Ops {
		switch f := op.Flowtable; {
		case f == nil:
		case op.Mark == nft.Delete && len(f.Devices) == 0:
			out = append(out, "established flows no longer take a short way (flowtable "+f.Name+")")
		case made && op.Mark == nft.Add:
			out = append(out, fmt.Sprintf("established flows take a short way between %s (flowtable %s)", strings.Join(f.Devices, ", "), f.Name))
		default:
			for _, d := range f.Devices {
				out = append(out, fmt.Sprintf("%c interface %s of flowtable %s", op.Mark, d, f.Name))
			}
		}
	}
	return out
}
