package integration

import (
	"net"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A process without privileges in the gateway's network namespace can neither take the lock of
// a table, nor wait where its holder listens, nor see who that is. It tries before and between
// two applies.
func TestNobodyHoldsTheLock(t *testing.T) {
	s := newSite(t, nstest.Options{})
	h := s.Gateway
	err := h.Do(func() error { // needs no privilege: abstract names are anybody's
		l, err := net.Listen("unix", "@snatctl/snatctl")
		if err == nil {
			t.Cleanup(func() { l.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	nobody := []string{"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "sh", "-c"}
	tries := func(script string) {
		t.Helper()
		if r := run(t, h, "setpriv", append(nobody, script)...); r.Code == 0 {
			t.Errorf("nobody may: %s\n%s", script, r.Stdout)
		}
	}
	policy := "version: 1\ngateway: {forwarding: false}\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n"
	apply(t, h, policy)
	tries("ls /run/snatctl")
	tries("mkdir -p /run/snatctl/more")
	tries("rm -rf /run/snatctl && mkdir /run/snatctl")
	tries(program(t) + " confirm")
	if r := snatctl(t, h, policy, "apply"); r.Code != 0 {
		t.Errorf("apply exits %d: %s", r.Code, r.Stderr)
	}
}
