package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The units load without a word, and systemd thinks little of what they are exposed to. They
// name a program that is not installed here, so the test puts its own there.
func TestUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze, of Debian's package systemd")
	}
	units, err := filepath.Glob("../packaging/systemd/*.service")
	if err != nil || len(units) < 2 {
		t.Fatalf("the units are %v, %v", units, err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		must(t, err)
		want := "CAP_NET_ADMIN"
		if filepath.Base(unit) == "snatctl-online.service" {
			want += " CAP_NET_RAW" // it tells neighbours of new addresses
		}
		if !strings.Contains(string(text), "\nCapabilityBoundingSet="+want+"\n") {
			t.Errorf("%s has another set of capabilities than %s", unit, want)
		}
		here := filepath.Join(t.TempDir(), filepath.Base(unit))
		must(t, os.WriteFile(here, []byte(strings.ReplaceAll(string(text), "/usr/local/sbin/snatctl", program(t))), 0o644))
		if out, err := exec.Command(analyze, "verify", "--man=no", here).CombinedOutput(); err != nil || strings.Contains(string(out), filepath.Base(unit)) {
			t.Errorf("systemd-analyze verify %s: %v\n%s", unit, err, out)
		}
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", here).CombinedOutput()
		if err != nil && strings.Contains(string(out), "unrecognized option") {
			t.Logf("this systemd does not judge units offline: %s", out)
			continue
		}
		must(t, err)
		m := regexp.MustCompile(`exposure level for \S+: (\d+\.\d)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("systemd-analyze security says\n%s", out)
		}
		const most = 2.0 // systemd calls this OK; 10 is a service without any bounds
		if score, err := strconv.ParseFloat(string(m[1]), 64); err != nil || score > most {
			t.Errorf("%s has an exposure of %s, want %v at most\n%s", unit, m[1], most, out)
		} else {
			t.Logf("%s: exposure %v", filepath.Base(unit), score)
		}
	}
}
