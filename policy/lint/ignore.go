package lint

import "github.com/snatctl/snatctl/policy"

// ignoreRules are the rules about comments that ignore findings.
func ignoreRules() []Rule {
	return []Rule{
		{Code: "I01", Severity: policy.Warning, Title: "An ignore gives no reason."},
		{Code: "I02", Severity: policy.Warning, Title: "An ignore ignores nothing."},
		{Code: "I03", Severity: policy.Warning, Title: "An ignore names a code that does not exist."},
	}
}
