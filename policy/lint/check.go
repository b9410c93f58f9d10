package lint

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/beside"
	"github.com/snatctl/snatctl/policy"
)

// Check applies the offline rules that warn and inform, sorted by place. Errors it does not
// repeat: read.Load reported them.
func Check(p *policy.Policy) policy.Diagnostics { return check(p, false) }

// CheckStrict is Check with the rules that a policy need not keep before it is finished (T01).
func CheckStrict(p *policy.Policy) policy.Diagnostics { return check(p, true) }

// check applies the rules beside each other: each only reads the policy.
func check(p *policy.Policy, strict bool) (found policy.Diagnostics) {
	rules := slices.DeleteFunc(Rules(), func(r Rule) bool { return r.check == nil || r.Strict && !strict })
	by := make([]policy.Diagnostics, len(rules))
	beside.Workers(len(rules), func() func(int) {
		r := newRun(p)
		return func(i int) {
			r.rule, r.found = rules[i], nil
			r.rule.check(r)
			by[i] = r.found
		}
	})
	found = slices.Concat(by...)
	found.Sort()
	return found
}

// Beside returns what of Check's findings is news beside the errors of the policy: that a
// zone matches less than it says (Z02) is none where it never matches (Z01).
func Beside(errors, found policy.Diagnostics) policy.Diagnostics {
	dead := make(map[string]bool)
	for _, d := range errors {
		if d.Code == "Z01" {
			dead[d.Object] = true
		}
	}
	return slices.DeleteFunc(found, func(d policy.Diagnostic) bool { return d.Code == "Z02" && dead[d.Object] })
}

// CheckHost applies the rules that hold a policy against a machine, sorted by place. VIPs that are
// addresses of interfaces are those that the machine has; where they contradict the policy, it says so
// and leaves them out.
func CheckHost(p *policy.Policy, h Host) policy.Diagnostics {
	resolved, found := p.Resolve(h.facts())
	if resolved == nil {
		resolved = p
	}
	r := newRun(resolved)
	if found.Err() != nil {
		r.found = found
	}
	for _, r.rule = range Rules() {
		if r.rule.live != nil {
			r.rule.live(r, h)
		}
	}
	r.found.Sort()
	return r.found
}

// run is one look at a policy.
type run struct {
	*policy.Policy
	rule  Rule // at hand
	found policy.Diagnostics

	zoneNames, serviceNames []string // as findings have them; nil until a rule asks
	tended                  []int    // places of the services that say something about real servers that are down; nil likewise
}

func newRun(p *policy.Policy) *run { return &run{Policy: p} }

// find reports what the rule at hand found, about an object such as "zone office". The
// message begins with the object.
func (r *run) find(at policy.Pos, object, hint, format string, args ...any) {
	r.found = append(r.found, policy.Diagnostic{
		Pos: at, Severity: r.rule.Severity, Code: r.rule.Code, Object: object, Hint: hint,
		Msg: object + ": " + fmt.Sprintf(format, args...),
	})
}
