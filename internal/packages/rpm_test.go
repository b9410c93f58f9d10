package packages

import (
	"strings"
	"testing"
)

// The rpm is installed, updated and removed by rpm, with the same promises as the deb: nothing is applied, and
// the table is the same one all the time.
func TestRpm(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	rpm := func(args ...string) string {
		t.Helper()
		return m.run(append([]string{"rpm", "--force-debian"}, args...)...)
	} // Debian's rpm wants to be told
	before, after := m.put(build(t, older).rpm), m.put(build(t, newer).rpm)
	rpm("--test", "--install", before)
	rpm("--install", before)
	if got := m.states(); got != allOff {
		t.Errorf("after the installation the units are %s", got)
	}
	if out := m.run("nft", "list", "ruleset"); out != "" {
		t.Errorf("there are rules that nobody applied:\n%s", out)
	}
	m.write("/etc/snatctl/policy.yaml", policy)
	m.write("/etc/default/snatctl-agent", "OPTIONS=--no-repair\n")
	m.run("systemctl", "enable", "--now", "snatctl-agent")
	table, agent := m.table(), m.property("snatctl-agent", "MainPID")

	rpm("--upgrade", after)
	now := m.property("snatctl-agent", "MainPID")
	if exe, err := m.try("readlink", "/proc/"+now+"/exe"); now == agent || err != nil || exe != "/usr/sbin/snatctl\n" {
		t.Errorf("the agent was process %s, and after the update %s runs %s (%v)", agent, now, exe, err)
	}
	if out := m.run("cat", "/etc/default/snatctl-agent"); out != "OPTIONS=--no-repair\n" {
		t.Errorf("the operator's file is now\n%s", out)
	}
	if m.table() != table {
		t.Error("the update changed the table")
	}

	if out := rpm("--erase", "snatctl"); !strings.Contains(out, "stays if it was applied, and goes on translating: inet snatctl") {
		t.Errorf("the removal does not say that the table stays:\n%s", out)
	}
	if _, err := m.try("kill", "-0", now); err == nil {
		t.Error("the agent is still there")
	}
	if m.table() != table {
		t.Error("the removal changed the table")
	}
	for _, kept := range []string{"/etc/default/snatctl-agent.rpmsave", "/var/lib/snatctl/history/snatctl", "/etc/snatctl/policy.yaml"} {
		if !m.has(kept) {
			t.Errorf("the removal took %s", kept)
		}
	}
	if m.has("/etc/systemd/system/multi-user.target.wants/snatctl-agent.service") {
		t.Error("the removal left the agent enabled")
	}
}
