package packages

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var units = []string{"snatctl.service", "snatctl-online.service", "snatctl-agent.service", "snatctl-natlog.service"}

const policy = `version: 1
gateway: {uplinks: [wan0]}
laddrs: {office: [198.51.100.1-198.51.100.2]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`

// install installs or updates a package as an operator's script does: with nobody to answer questions.
func (m *machine) install(deb string) string {
	m.t.Helper()
	return m.run("dpkg", "--install", m.put(deb))
}

// states are what systemd has to say of each unit: enabled or not, active or not.
func (m *machine) states() string {
	m.t.Helper()
	var all []string
	for _, u := range units {
		all = append(all, m.property(u, "UnitFileState")+" "+m.property(u, "ActiveState"))
	}
	return strings.Join(all, ", ")
}

const allOff = "disabled inactive, disabled inactive, disabled inactive, disabled inactive"

// A fresh package does nothing, and its units do nothing without a policy and fail at nothing.
func TestInstalled(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	forwarding := m.run("sysctl", "net.ipv4.ip_forward")
	m.install(build(t, newer).deb)
	if got := m.states(); got != allOff {
		t.Errorf("after the installation the units are %s", got)
	}
	m.run("systemctl", "enable", units[0], units[1], units[2])
	m.run("systemctl", "start", units[0], units[1], units[2])
	m.reboot()
	for _, u := range units[:3] {
		if active, result := m.property(u, "ActiveState"), m.property(u, "ConditionResult"); active != "inactive" || result != "no" {
			t.Errorf("without a policy %s is %s, its condition %s", u, active, result)
		}
	}
	if out := m.run("nft", "list", "ruleset"); out != "" {
		t.Errorf("there are rules that nobody applied:\n%s", out)
	}
	if got := m.run("sysctl", "net.ipv4.ip_forward"); got != forwarding {
		t.Errorf("forwarding was %s and is %s", forwarding, got)
	}
	if out := m.run("snatctl", "version"); !strings.Contains(out, newer) {
		t.Errorf("the program says %s", out)
	}
	verify := []string{"systemd-analyze", "verify", "--man=no"}
	for _, u := range units {
		verify = append(verify, "/usr/lib/systemd/system/"+u)
	}
	if out, err := m.try(verify...); err != nil || strings.Contains(out, "snatctl") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	for _, u := range units {
		out := m.run("systemd-analyze", "security", "--no-pager", u)
		at := strings.LastIndex(out, "exposure level for "+u+": ")
		score := strings.Fields(out[at:])[4]
		if n, err := strconv.ParseFloat(score, 64); err != nil || n >= 2 {
			t.Errorf("%s has an exposure of %s, want less than 2", u, score)
		} else {
			t.Logf("%s has an exposure of %s", u, score)
		}
	}
}

// An update restarts what runs and nothing else, and the table is the same one all the time.
func TestUpdated(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	m.install(build(t, older).deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.write("/etc/default/snatctl-agent", "OPTIONS=--no-repair\n") // the operator's
	m.run("snatctl", "apply", "-f", "/etc/snatctl/policy.yaml")
	m.run("systemctl", "enable", "--now", "snatctl", "snatctl-agent")
	table, agent, boot := m.table(), m.property("snatctl-agent", "MainPID"), m.property("snatctl", "InvocationID")

	m.install(build(t, newer).deb)
	now := m.property("snatctl-agent", "MainPID")
	if now == "0" || now == agent {
		t.Errorf("the agent was process %s, and is %s after the update", agent, now)
	}
	if exe := m.run("readlink", "/proc/"+now+"/exe"); exe != "/usr/sbin/snatctl\n" {
		t.Errorf("the agent runs %s", exe)
	}
	if words := m.run("cat", "/proc/"+now+"/cmdline"); !strings.Contains(words, "--no-repair") {
		t.Errorf("the agent lost the operator's flags: %s", words)
	}
	if got := m.property("snatctl", "InvocationID"); got != boot {
		t.Error("the update ran the boot unit")
	}
	if got := m.table(); got != table {
		t.Errorf("the table was\n%s\nand is\n%s", table, got)
	}

	// With the agent ended, an update starts none, and leaves also what somebody else has put into the table.
	m.run("systemctl", "disable", "--now", "snatctl-agent")
	m.run("nft", "add", "chain", "inet", "snatctl", "by-hand")
	table = m.table()
	m.install(build(t, older).deb) // dpkg does this, too
	m.install(build(t, newer).deb)
	if got := m.states(); got != "enabled active, disabled inactive, disabled inactive, disabled inactive" {
		t.Errorf("after the update the units are %s", got)
	}
	if got := m.table(); got != table {
		t.Errorf("the table was\n%s\nand is\n%s", table, got)
	}
}

// A removal ends the agent and leaves the table, and a purge leaves nothing else.
func TestRemoved(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	deb := build(t, newer).deb
	m.install(deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.run("systemctl", "enable", "--now", "snatctl-agent", "snatctl-natlog")
	table, agent := m.table(), m.property("snatctl-agent", "MainPID")
	if n := m.property("snatctl-natlog", "NRestarts"); n != "0" {
		t.Errorf("the NAT log was started %s times more: it does not wait for the agent's table", n)
	}
	m.await("the NAT log has its file", func() bool { return m.has("/var/log/snatctl/nat.jsonl") })
	const says = "stays if it was applied, and goes on translating: inet snatctl"

	out := m.run("dpkg", "--remove", "snatctl")
	if !strings.Contains(out, says) {
		t.Errorf("the removal does not say that the table stays:\n%s", out)
	}
	if m.table() != table {
		t.Error("the removal changed the table")
	}
	if _, err := m.try("kill", "-0", agent); err == nil {
		t.Error("the agent is still there")
	}
	for _, kept := range []string{"/etc/default/snatctl-agent", "/var/lib/snatctl/history/snatctl", "/etc/snatctl/policy.yaml", "/var/log/snatctl/nat.jsonl"} {
		if !m.has(kept) {
			t.Errorf("the removal took %s", kept)
		}
	}

	m.install(deb)
	if got := m.states(); got != "disabled inactive, disabled inactive, enabled inactive, enabled inactive" {
		t.Errorf("installed again the units are %s", got)
	}
	if m.table() != table {
		t.Error("the second installation changed the table")
	}

	out = m.run("dpkg", "--purge", "snatctl")
	if !strings.Contains(out, says) || !strings.Contains(out, "its table, if it was applied, stays: inet snatctl") {
		t.Errorf("the purge does not say that the table stays:\n%s", out)
	}
	if m.table() != table {
		t.Error("the purge changed the table")
	}
	left, err := exec.Command("find", filepath.Join(m.root, "etc"), filepath.Join(m.root, "var"), filepath.Join(m.root, "usr"), "-name", "*snatctl*",
		"-not", "-path", "*/var/tmp/*").Output()
	must(t, err)
	if got := strings.ReplaceAll(string(left), m.root, ""); got != "/etc/snatctl\n" { // with the operator's policy
		t.Errorf("the purge left\n%s", got)
	}
	if _, err := m.try("test", "-e", "/run/snatctl"); err == nil {
		t.Error("the purge left /run/snatctl")
	}
}
