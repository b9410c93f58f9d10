package lint

import "github.com/snatctl/snatctl/policy"

// refusals are the rules that package policy applies when it loads: apply refuses a policy
// that breaks one. Their titles are policy's own.
func refusals() []Rule {
	shown := make(map[string]example)
	for _, e := range append(formExamples(), addressExamples()...) {
		shown[e.code] = e
	}
	var out []Rule
	for _, c := range policy.Codes() {
		e := shown[c.Code]
		out = append(out, Rule{Code: c.Code, Severity: policy.Error, Title: c.Meaning, Why: e.why, Bad: e.bad, Good: e.good})
	}
	return out
}

// example shows a code of package policy. Both policies are empty where no readable one can
// show it.
type example struct{ code, why, bad, good string }
