package lint

import "github.com/snatctl/snatctl/policy"

// ignoreRules are the rules about comments that ignore findings. Apply finds what breaks them.
func ignoreRules() []Rule {
	return []Rule{{
		Code: "I01", Severity: policy.Warning,
		Title: "A comment ignores a finding without a reason.",
		Why: "Somebody who reads the policy in a year needs to know why the rule does not apply here. A comment without a reason ignores " +
			"nothing, so the finding is still reported.",
	}, {
		Code: "I02", Severity: policy.Warning,
		Title: "A comment ignores nothing.",
		Why: "The finding is gone, or is on another line. If the comment stays, it would hide the next finding. Errors cannot be ignored: a " +
			"policy with an error is refused.",
	}, {
		Code: "I03", Severity: policy.Warning,
		Title: "A comment ignores a rule that does not exist.",
		Why:   "The code is mistyped, so the comment has no effect and the finding is still reported.",
	}}
}
