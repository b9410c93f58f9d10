package lint

import "github.com/snatctl/snatctl/policy"

// ignoreRules are the rules about comments that ignore findings. Apply finds what breaks them.
func ignoreRules() []Rule {
	return []Rule{{
		Code: "I01", Severity: policy.Warning,
		Title: "A comment ignores a finding without a reason.",
		Why: "Whoever reads the policy in a year, and the finding's rule with it, needs to know why it does not hold here. Such a comment ignores " +
			"nothing, so the finding is still reported.",
	}, {
		Code: "I02", Severity: policy.Warning,
		Title: "A comment ignores nothing.",
		Why: "The finding is gone, or stands on another line; left where it is, the comment would hide the next one. Errors cannot be ignored: " +
			"a policy that has one is refused.",
	}, {
		Code: "I03", Severity: policy.Warning,
		Title: "A comment ignores a rule that does not exist.",
		Why:   "A typing error here leaves the finding where it is, and the comment without an effect.",
	}}
}
