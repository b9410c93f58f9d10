package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// What this version cannot do yet it refuses, naming the place, rather than doing less than
// the policy says.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	h := nstest.NewHost(t, "gateway")
	for _, c := range []struct {
		name, policy string
		line         string // where the feature is asked for
	}{
		{"offload", "version: 1\ngateway:\n  offload: software\nzones:\n  - {name: z, from: 10.0.0.0/8, laddrs: 198.51.100.1}\n", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := snatctl(t, h, c.policy, "apply")
			if r.Code != 1 || !strings.Contains(r.Stderr, "not supported yet") || !strings.Contains(r.Stderr, "policy.yaml:"+c.line+":") {
				t.Errorf("apply exits %d and says\n%s\nwant 1 and \"not supported yet\" at policy.yaml:%s", r.Code, r.Stderr, c.line)
			}
			if after := list(t, h); after != "" {
				t.Errorf("apply made\n%s", after)
				output(t, h, "nft", "flush", "ruleset")
			}
		})
	}
}
