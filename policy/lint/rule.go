// Package lint finds what is valid in a policy but goes wrong in operation. Its rules are in
// one catalogue, together with those for which package policy refuses a policy: apply and lint
// report an error with the same code.
//
// The package is pure: a Host gives it all that it knows about a machine.
package lint

import (
	"cmp"
	"slices"
	"sync"

	"github.com/snatctl/snatctl/policy"
)

// Rule is one row of the catalogue.
type Rule struct {
	Code      string          // stable: "Z04"; a published code never changes its meaning
	Severity  policy.Severity // of its findings
	Live      bool            // it needs a Host: CheckHost looks, Check cannot
	Strict    bool            // only CheckStrict looks
	Title     string          // what is wrong, in a sentence
	Why       string          // what it does to operation, and the way out
	Bad, Good string          // its Example
	Needs     Needs           // what it looks at on a host; zero for a rule that looks at none

	check func(*run)       // offline; nil for what policy finds when it loads, and for Live rules
	live  func(*run, Host) // on a host; a rule may have both
	about func(*run) bool  // whether the policy has what live looks for; nil: always
}

// Rules returns the whole catalogue in the order of the codes.
func Rules() []Rule { return slices.Clone(catalogue()) }

var catalogue = sync.OnceValue(func() []Rule {
	rules := slices.Concat(refusals(), zoneRules(), poolRules(), fleetRules(), serviceRules(), clientRules(), helperRules(), synProxyRules(), limitRules(), uplinkRules(), timeoutRules(), healthRules(), testRules(), ignoreRules(), hostRules())
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Code, b.Code) })
	for i := range rules {
		rules[i].Bad, rules[i].Good = Example(rules[i].Code)
	}
	return rules
})

// Lookup returns the rule of a code.
func Lookup(code string) (Rule, bool) {
	rules := catalogue()
	i, ok := slices.BinarySearchFunc(rules, code, func(r Rule, code string) int { return cmp.Compare(r.Code, code) })
	if !ok {
		return Rule{}, false
	}
	return rules[i], true
}
