package packages

import (
	"strconv"
	"strings"
	"testing"
)

// After a reboot the last good policy is in force before the network comes up, without an agent.
func TestBoot(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	m.install(build(t, newer).deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.run("snatctl", "apply", "-f", "/etc/snatctl/policy.yaml")
	want := m.run("nft", "--stateless", "list", "ruleset")
	m.run("systemctl", "enable", "snatctl", "systemd-networkd")
	m.write("/etc/snatctl/policy.yaml", "not a policy\n") // boot does not ask for it
	m.reboot()
	if got := m.run("nft", "--stateless", "list", "ruleset"); got != want {
		t.Errorf("after the reboot the rules are\n%s\nwant\n%s", got, want)
	}
	if m.property("snatctl", "ActiveState") != "active" {
		t.Errorf("the boot unit says\n%s", m.run("journalctl", "--no-pager", "-u", "snatctl"))
	}
	if booted, network := m.moment("snatctl", "ExecMainExitTimestampMonotonic"), m.moment("systemd-networkd", "ExecMainStartTimestampMonotonic"); booted == 0 || booted > network {
		t.Errorf("the policy came %d us after the machine was on, the network's manager began at %d us", booted, network)
	}
}

// moment is a property of a unit that tells microseconds.
func (m *machine) moment(unit, property string) int {
	m.t.Helper()
	n, err := strconv.Atoi(m.property(unit, property))
	must(m.t, err)
	return n
}

// An agent that is killed comes back, and the table is the same one before, between and after. So it is when
// the agent is stopped.
func TestAgentRestarts(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	m.install(build(t, newer).deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.run("systemctl", "enable", "--now", "snatctl-agent") // Type=notify: it is ready when this returns
	table := m.table()
	for range 3 {
		before := m.property("snatctl-agent", "MainPID")
		m.run("kill", "-KILL", before)
		if m.table() != table {
			t.Error("the table changed when the agent was killed")
		}
		m.await("the agent is back", func() bool {
			now := m.property("snatctl-agent", "MainPID")
			return now != "0" && now != before && m.property("snatctl-agent", "ActiveState") == "active"
		})
		if m.table() != table {
			t.Error("the table changed when the agent came back")
		}
	}
	if n := m.property("snatctl-agent", "NRestarts"); n != "3" {
		t.Errorf("systemd counts %s restarts, want 3", n)
	}
	m.run("rm", "/etc/snatctl/policy.yaml")
	m.run("systemctl", "restart", "snatctl-agent")
	if m.table() != table {
		t.Error("the table changed when the agent found no file of the policy")
	}
	m.run("systemctl", "stop", "snatctl-agent")
	if m.table() != table {
		t.Error("the table changed when the agent was stopped")
	}
}

// snatctl-online.service waits for the network and then does what the boot unit could not: addresses on an
// interface that was not there.
func TestOnline(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	m.install(build(t, newer).deb)
	m.write("/etc/systemd/network/wan0.netdev", "[NetDev]\nName=wan0\nKind=veth\n[Peer]\nName=isp\n")
	m.write("/etc/systemd/network/wan0.network", "[Match]\nName=wan0\n[Network]\nAddress=198.51.100.254/24\nAddress=2001:db8:99::254/64\n")
	m.write("/etc/systemd/network/isp.network", "[Match]\nName=isp\n[Network]\nLinkLocalAddressing=no\n")
	m.write("/etc/snatctl/policy.yaml", strings.Replace(strings.Replace(policy, "{uplinks: [wan0]}", "{uplinks: [wan0], addresses: {assign: wan0}}", 1),
		"[198.51.100.1-198.51.100.2]", `[198.51.100.1-198.51.100.2, "2001:db8:99::1"]`, 1))
	m.run("systemctl", "enable", "--now", "systemd-networkd", "systemd-networkd-wait-online")
	m.await("wan0 is up", func() bool { return strings.Contains(m.run("ip", "addr", "show", "wan0"), "198.51.100.254") })
	m.run("snatctl", "apply", "-f", "/etc/snatctl/policy.yaml")
	m.run("systemctl", "enable", "snatctl", "snatctl-online")
	m.reboot()
	for _, u := range []string{"snatctl", "snatctl-online"} {
		if m.property(u, "ActiveState") != "active" || m.property(u, "Result") != "success" {
			t.Errorf("%s says\n%s", u, m.run("journalctl", "--no-pager", "-b", "-u", u))
		}
	}
	addresses := m.run("ip", "addr", "show", "wan0")
	for _, want := range []string{"198.51.100.1/", "198.51.100.2/", "203.0.113.10/", "2001:db8:99::1/"} {
		if !strings.Contains(addresses, want) {
			t.Errorf("wan0 lacks %s:\n%s", want, addresses)
		}
	}
	early, up, online := m.moment("snatctl", "ExecMainExitTimestampMonotonic"), m.moment("network-online.target", "ActiveEnterTimestampMonotonic"), m.moment("snatctl-online", "ExecMainStartTimestampMonotonic")
	if early == 0 || early > up || up > online {
		t.Errorf("the policy came at %d us, the network at %d us, its addresses at %d us", early, up, online)
	}
	t.Logf("the boot unit says\n%sthe other one\n%s", m.run("journalctl", "--no-pager", "-b", "-u", "snatctl"), m.run("journalctl", "--no-pager", "-b", "-u", "snatctl-online"))
}
