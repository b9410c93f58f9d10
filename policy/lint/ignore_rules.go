package lint

import "github.com/snatctl/snatctl/policy"

// ignoreRules are the rules about comments that ignore findings. Apply finds what breaks them.
func ignoreRules() []Rule {
	return []Rule{{
		Code: "I01", Severity: policy.Warning,
		Title: "A comment ignores a finding without a reason.",
		Why: "Whoever reads the policy in a year, and the finding's rule with it, needs to know why it does not hold here. Such a comment ignores " +
			"nothing, so the finding is still reported.",
		Bad: `
version: 1
services: []
# snatctl:ignore
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: 192.168.1.1} # snatctl:ignore S15 the test site has no second server
`,
	}, {
		Code: "I02", Severity: policy.Warning,
		Title: "A comment ignores nothing.",
		Why: "The finding is gone, or stands on another line; left where it is, the comment would hide the next one. Errors cannot be ignored: " +
			"a policy that has one is refused.",
		Bad: `
version: 1
services:
  - name: web # snatctl:ignore S15 the test site has no second server
    vip: 20.0.1.1
    ports: tcp/80
    real_servers: [192.168.1.1, 192.168.1.2]
`,
		Good: `
version: 1
services:
  - name: web
    vip: 20.0.1.1
    ports: tcp/80
    real_servers: 192.168.1.1 # snatctl:ignore S15 the test site has no second server
`,
	}, {
		Code: "I03", Severity: policy.Warning,
		Title: "A comment ignores a rule that does not exist.",
		Why:   "A typing error here leaves the finding where it is, and the comment without an effect.",
		Bad: `
version: 1
# snatctl:ignore S00 the rule has another code
services: []
`,
		Good: `
version: 1
services:
  # snatctl:ignore S15 the test site has no second server
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: 192.168.1.1}
`,
	}}
}
