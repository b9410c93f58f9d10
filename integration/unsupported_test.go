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
	service := func(scheduler string) string {
		return "version: 1\nservices:\n  - name: web\n    vip: 203.0.113.1\n    ports: tcp/80\n    mode: nat\n    real_servers: [192.168.1.1, 192.168.1.2]\n    " + scheduler + "\n"
	}
	zone := func(key string) string {
		return "version: 1\nzones:\n  - name: mail\n    from: 10.2.0.0/16\n    laddrs: [198.51.100.1, 198.51.100.3]\n    " + key + "\n"
	}
	for _, c := range []struct {
		name, policy string
		line         string // where the feature is asked for
	}{
		{"persistence", service("persistence: 300s"), "8"},
		{"allow", service("allow: 10.0.0.0/8"), "8"},
		{"deny", service("deny: 10.9.0.0/16"), "8"},
		{"zone to", zone("to: 192.0.2.0/24"), "6"},
		{"zone ports", zone("ports: tcp/25"), "6"},
		{"zone iif", zone("iif: lan0"), "6"},
		{"zone oif", zone("oif: wan1"), "6"},
		{"map", "version: 1\nzones:\n  - name: lab\n    from: 10.9.8.0/24\n    map: 198.18.8.0/24\n", "5"},
		{"block", "version: 1\nladdrs:\n  cgn: {addresses: 198.51.100.64/28, ports: 1024-65535,\n    block: 1024}\nzones:\n  - {name: z, from: 10.0.0.0/24, laddrs: cgn}\n", "4"},
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
