package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// commands are the blocks of commands in a section of a page, as they stand there.
func commands(t *testing.T, page, section string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	must(t, err)
	_, rest, found := strings.Cut(string(text), "\n## "+section)
	if !found {
		t.Fatalf("docs/%s has no section %s", page, section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(rest, -1) {
		out = append(out, m[1])
	}
	return out
}

// Who does what docs/operations.md says, block by block, has a gateway with a dashboard and alerts. The
// alert fires when a real server dies.
func TestQuarterHour(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter", "busybox")
	m := boot(t, newRoot(t))
	m.neighbours()
	m.put(build(t, newer).deb)
	began := time.Now()
	for _, step := range commands(t, "operations.md", "From a bare machine") {
		m.follow(step)
	}
	t.Logf("all of it has taken %v", time.Since(began).Round(time.Second))

	if out := m.run("ip", "netns", "exec", "outside", "busybox", "wget", "-qO-", "http://198.51.100.10/"); out != "this is 10.1.0.11\n" {
		t.Errorf("who calls from outside gets %q", out)
	}
	if out := m.run("ip", "netns", "exec", "inside", "busybox", "wget", "-qO-", "http://9.9.9.9/"); out != "this is 9.9.9.9\n" {
		t.Errorf("who leaves gets %q", out)
	}
	m.await("the log has the call", func() bool {
		_, err := m.try("grep", "-q", `"zone":"office"`, "/var/log/snatctl/nat.jsonl")
		return err == nil
	})
	page := m.run("busybox", "wget", "-qO-", "http://127.0.0.1:9310/")
	for _, want := range []string{"web", "office", "10.1.0.12", "down"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
}

// The unit of the NAT log may reach a collector, by the network, after what docs/nat-log.md says.
func TestNATLogExports(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter", "busybox")
	m := boot(t, newRoot(t))
	m.neighbours()
	m.install(build(t, newer).deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.run("snatctl", "apply", "-f", "/etc/snatctl/policy.yaml")
	for _, step := range commands(t, "nat-log.md", "Sending it to a collector")[1:] { // the first runs it by hand
		m.run("sh", "-ec", strings.ReplaceAll(step, "192.0.2.1", "198.51.100.254"))
	}
	m.await("records come", func() bool {
		_, _ = m.try("ip", "netns", "exec", "inside", "busybox", "timeout", "1", "busybox", "wget", "-qO-", "http://9.9.9.9/") // the laddr leads nowhere
		arrived := m.run("ip", "netns", "exec", "outside", "busybox", "awk", `$1 == "Udp:" { print $3 }`, "/proc/net/snmp")    // at a port where nobody listens
		return !strings.HasSuffix(arrived, "\n0\n")
	})
}

// follow does what a block says.
func (m *machine) follow(step string) {
	m.t.Helper()
	start, does := time.Now(), step
	switch {
	case strings.Contains(step, "apt-get install -y prometheus"):
		m.fetch("prometheus", "prometheus-alertmanager") // the machine has no way to Debian's servers
	case strings.Contains(step, "snatctl diff"):
		does = strings.TrimSpace(step) + " || [ $? = 1 ]" // there are differences
	case strings.Contains(step, "--confirm"):
		// It waits for the next step, which is another session's.
		does = "systemd-run --quiet --unit=session " + step + "until journalctl --output=cat --unit=session | grep -q 'snatctl confirm'; do sleep 0.1; done"
	case strings.Contains(step, "ALERTS"):
		m.run("systemctl", "stop", "server-12")
		m.await("the alert fires", func() bool {
			out, _ := m.try("sh", "-c", step)
			return strings.Count(out, "SnatctlServerDown") >= 2 // says Prometheus, and says Alertmanager
		})
	}
	out, err := m.try("sh", "-ec", "cd /var/tmp\n"+does)
	if err != nil {
		m.t.Fatalf("the page says\n%s\nbut %v", step, err)
	}
	m.t.Logf("%s\n%s(%v)", step, out, time.Since(start).Round(time.Second/10))
}

// neighbours gives a machine what docs/operations.md expects of it: an interface inside, with two web
// servers and an office, and one outside, with somebody who calls and somebody to call.
func (m *machine) neighbours() {
	m.t.Helper()
	busybox, err := exec.LookPath("busybox")
	must(m.t, err)
	m.run("cp", m.put(busybox), "/usr/local/bin/busybox")
	m.run("sh", "-ec", `chmod 755 /usr/local/bin/busybox
for side in inside outside; do ip netns add $side; ip netns exec $side ip link set lo up; done
ip link add lan0 type veth peer name eth0 netns inside
ip link add wan0 type veth peer name eth0 netns outside
ip addr add 10.1.0.1/24 dev lan0
ip addr add 198.51.100.10/24 dev wan0
ip link set lo up; ip link set lan0 up; ip link set wan0 up
ip route add default via 198.51.100.254
for a in 5 11 12; do ip netns exec inside ip addr add 10.1.0.$a/24 dev eth0; done
ip netns exec inside ip link set eth0 up
ip netns exec inside ip route add default via 10.1.0.1 src 10.1.0.5
ip netns exec outside ip addr add 198.51.100.254/24 dev eth0
ip netns exec outside ip addr add 9.9.9.9/32 dev lo
ip netns exec outside ip link set eth0 up
serve() { mkdir -p /srv/$3; echo "this is $3" >/srv/$3/index.html; systemd-run --quiet --unit=$1 ip netns exec $2 busybox httpd -f -p $3:80 -h /srv/$3; }
serve server-11 inside 10.1.0.11
serve server-12 inside 10.1.0.12
serve world outside 9.9.9.9`)
}

// fetch installs Debian's packages by this machine's network, and starts nothing.
func (m *machine) fetch(packages ...string) {
	m.t.Helper()
	here(m.t, "cp", "/etc/resolv.conf", filepath.Join(m.root, "etc/resolv.conf"))
	here(m.t, "chroot", m.root, "apt-get", "update", "-qq")
	here(m.t, append([]string{"chroot", m.root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"}, packages...)...)
}
