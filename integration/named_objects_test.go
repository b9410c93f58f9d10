package integration

import (
	"strings"
	"testing"
)

// Named objects that somebody added to the table by hand are shown and removed, like all that is
// not the policy's; the table, its rules and their handles stay. An object of a kind that
// snatctl never makes has the table made anew.
func TestForeignObjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script, line string
		anew               bool
	}{
		{"counter", "add counter inet snatctl mine; add rule inet snatctl zones counter name mine", "- counter mine, which snatctl did not make", false},
		{"limit", "add limit inet snatctl mine { rate 5/second; }", "- limit mine, which snatctl did not make", false},
		{"timeouts", "add ct timeout inet snatctl mine { protocol udp; l3proto ip; policy = { unreplied : 9 } ; }", "- ct timeout mine, which snatctl did not make", false},
		{"quota", "add quota inet snatctl mine { over 10 mbytes }", "table is made anew: it holds object mine, which snatctl did not make", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startGateway(t, "")
			if r := ctl(t, h, "apply", "-f", "../examples/policy.yaml"); r.Code != 0 {
				t.Fatalf("apply exits %d: %s", r.Code, r.Stderr)
			}
			handles := func() string { return output(t, h, "nft", "-a", "-s", "list", "table", "inet", "snatctl") }
			before, listed := handles(), list(t, h)
			nft(t, h, c.script)
			r := ctl(t, h, "diff", "-f", "../examples/policy.yaml")
			if r.Code != 1 || !strings.Contains(r.Stdout, c.line) {
				t.Errorf("diff exits %d and does not say %q:\n%s%s", r.Code, c.line, r.Stdout, r.Stderr)
			}
			if r := ctl(t, h, "apply", "-f", "../examples/policy.yaml"); r.Code != 0 {
				t.Fatalf("apply exits %d: %s", r.Code, r.Stderr)
			}
			if after := list(t, h); after != listed {
				t.Errorf("apply leaves\n%s\nwant\n%s", after, listed)
			}
			if same := handles() == before; same == c.anew {
				t.Errorf("the table is made anew: %t, want %t", !same, c.anew)
			}
		})
	}
}
