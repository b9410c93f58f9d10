package lint

import "github.com/snatctl/snatctl/policy"

// testRules are the rules about a policy's own tests.
func testRules() []Rule {
	return []Rule{{
		Code: "T01", Severity: policy.Warning, Strict: true,
		Title: "The policy has no tests.",
		Why: "A test says what the policy promises: which address an office leaves with, which server answers. Without tests, the next change " +
			"may break the promise, and users are the first to notice. Write a test for each zone and service.",
		check: untested,
	}}
}

func untested(r *run) {
	if len(r.Tests) == 0 && len(r.Zones)+len(r.Services) > 0 {
		r.find(r.Start, "policy", "add a section tests, with the packets that matter and what should happen to them", "it has no tests")
	}
}
