package integration

import (
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// perfdata is how monitoring systems read it: label=value[unit];warn;crit;min;max.
var perfdata = regexp.MustCompile(`^[a-z_]+=[0-9]+[c%]?(;[0-9]*){0,4}$`)

// TestStatusCheckAgent asks as Nagios does, for what an agent knows: that there is none, that all is well,
// that a policy is on trial, and that one is refused.
func TestStatusCheckAgent(t *testing.T) {
	s := startSite(t, "")
	a := runAgent(t, s.Gateway, checked)
	for _, laddr := range []string{"198.51.100.1", "192.168.2.9"} {
		output(t, s.Gateway, "ip", "route", "add", "blackhole", laddr) // it is routed here
	}
	awaitHealth(t, s.Gateway, "web", "192.168.1.3", "up")
	check := func(code int, want string, args ...string) {
		t.Helper()
		var r nstest.Result
		defer func() {
			if t.Failed() {
				t.Logf("status --check exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
		}()
		eventually(t, "status --check to say "+want, func() bool {
			r = ctl(t, s.Gateway, append([]string{"status", "--check", "--state-dir", a.state}, args...)...)
			return r.Code == code && strings.HasPrefix(r.Stdout, want)
		})
		_, measured, _ := strings.Cut(strings.SplitN(r.Stdout, "\n", 2)[0], " | ")
		for _, word := range strings.Fields(measured) {
			if !perfdata.MatchString(word) {
				t.Errorf("%q is no performance data", word)
			}
		}
		if (a.cmd.ProcessState == nil) != strings.Contains(measured, " servers=7 servers_down=0;0;;0;7 quorum_lost=0;;0;0;3 ") {
			t.Errorf("it measures %s", measured)
		}
	}
	check(0, "OK: no problems; ")
	check(0, "OK: no problems; ", "--agent")

	a.write(t, checked+"\n nonsense\n")
	check(1, "WARNING: agent: a newer policy is refused: invalid policy: 1 error; ")
	a.write(t, checked)
	check(0, "OK: ")

	a.kill()
	check(0, "OK: ") // nobody says that there has to be one
	check(2, "CRITICAL: agent: does not run: ", "--agent")
	if r := ctl(t, s.Gateway, "status", "--agent"); r.Code != 2 || !strings.Contains(r.Stderr, "--check") {
		t.Errorf("--agent alone exits %d: %s", r.Code, r.Stderr)
	}
}
