package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// active is a fleet whose gateways have a policy in common.
type active struct {
	*nstest.Fleet
	policy string // with DIR for the directory that is each gateway's own
	file   string
}

// activePolicy is one of two services, and zones behind the gateways.
const activePolicy = `
version: 1
nodes: {gw1: {router_id: 172.16.0.1, asn: 65010}, gw2: {router_id: 172.16.0.2}, gw3: {router_id: 172.16.0.3}}
announce: {bird: DIR/snatctl.conf, socket: DIR/bird.ctl}
gateway: {uplinks: core}
laddrs:
  office: {nodes: {gw1: [198.51.100.16/28, "2001:db8:99:1::/112"], gw2: [198.51.100.32/28, "2001:db8:99:2::/112"], gw3: [198.51.100.48/28, "2001:db8:99:3::/112"]}}
  inner: {nodes: {gw1: [192.168.2.0/28, "fd06:0:0:1::/124"], gw2: [192.168.2.16/28, "fd06:0:0:2::/124"], gw3: [192.168.2.32/28, "fd06:0:0:3::/124"]}}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: office}
health_checks:
  web: {type: tcp, interval: 200ms, timeout: 2s, rise: 1, fall: 2}
services:
  - name: web
    vip: [203.0.114.65, "2001:db8:114::65"]
    ports: tcp/80
    mode: fullnat
    laddrs: inner
    scheduler: mh
    health_check: web
    real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3, "fd05::1", "fd05::2", "fd05::3"]
  - {name: other, vip: 203.0.114.66, ports: tcp/81, mode: fullnat, laddrs: inner, scheduler: mh, real_servers: [192.168.1.1]}
`

const activeVIP, activeVIP6, otherVIP = "203.0.114.65/32", "2001:db8:114::65/128", "203.0.114.66/32"

func startActive(t *testing.T, o nstest.FleetOptions) *active {
	t.Helper()
	a := &active{Fleet: nstest.NewFleet(t, o)}
	for _, rs := range a.RS {
		must(t, rs.ServeTCP(":80"))
		must(t, rs.ServeTCP(":81"))
	}
	must(t, a.Outside.ServeTCP(":7"))
	a.write(t, activePolicy)
	return a
}

// write gives the gateways a policy to apply.
func (a *active) write(t testing.TB, policy string) {
	t.Helper()
	a.policy = strings.ReplaceAll(policy, "DIR", a.Shared())
	a.file = policyFile(t, a.policy)
}

// ctl runs a command on a gateway, with the policy and a state directory of the gateway's own.
func (a *active) ctl(t testing.TB, i int, command string, args ...string) nstest.Result {
	t.Helper()
	words := slices.Concat(a.Within(i), []string{"env", "STATE_DIRECTORY=" + filepath.Join(a.Files(i), "state"), program(t), command, "-f", a.file}, args)
	return run(t, a.Gateways[i], words[0], words[1:]...)
}

func (a *active) apply(t testing.TB, i int) nstest.Result {
	t.Helper()
	r := a.ctl(t, i, "apply", "--node", a.Node(i))
	if r.Code != 0 {
		t.Fatalf("apply on %s exits %d:\n%s%s", a.Node(i), r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// via waits until the router sends a prefix to some gateways.
func (a *active) via(t testing.TB, prefix string, want ...int) {
	t.Helper()
	var got []int
	until(t, "the router to send "+prefix+" another way", func() bool {
		var err error
		got, err = a.Via(prefix)
		return err == nil && slices.Equal(got, want)
	})
}

// bird is what a gateway's file says.
func (a *active) bird(t testing.TB, i int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.Files(i), "snatctl.conf"))
	must(t, err)
	return string(text)
}

// edited changes a gateway's file by hand.
func (a *active) edited(t testing.TB, i int, old, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(a.Files(i), "snatctl.conf"), []byte(strings.Replace(a.bird(t, i), old, text, 1)), 0o644))
}

// What apply announces the router hears: VIPs of all nodes, laddrs of each. Diff shows it, nobody else's file is
// overwritten, a BIRD that does not take the file stops the apply, and one that does not run does not. Flush takes it
// all back.
func TestActiveAnnounced(t *testing.T) {
	a := startActive(t, nstest.FleetOptions{})
	for _, i := range []int{0, 1} {
		if r := a.apply(t, i); strings.Contains(r.Stderr, "warning") || !strings.Contains(r.Stdout, "+ announcement "+activeVIP+": announce the VIP") {
			t.Errorf("apply says\n%s%s", r.Stdout, r.Stderr)
		}
	}
	for _, vip := range []string{activeVIP, activeVIP6, otherVIP} {
		a.via(t, vip, 0, 1)
	}
	for _, laddrs := range []string{"198.51.100.16/28", "192.168.2.0/28", "2001:db8:99:1::/112"} {
		a.via(t, laddrs, 0)
	}
	if got := output(t, a.Gateways[0], "ip", "route", "show", "type", "blackhole"); !strings.Contains(got, "203.0.114.65") || !strings.Contains(got, "198.51.100.16/28") {
		t.Errorf("gw1's blackholes are %s", got)
	}
	for _, vip := range []string{"203.0.114.65:80", "[2001:db8:114::65]:80"} {
		_, err := a.Outside.Ask("tcp", "", vip)
		must(t, err)
	}
	_, err := a.Inside.Ask("tcp", "", "203.0.113.2:7") // by one of three ways, two of which work
	for range 20 {
		if err == nil {
			break
		}
		_, err = a.Inside.Ask("tcp", "", "203.0.113.2:7")
	}
	must(t, err)
	if r := a.ctl(t, 0, "status", "--check"); r.Code != 0 || strings.Contains(r.Stdout, "routers") {
		t.Errorf("status exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}

	a.write(t, strings.Replace(activePolicy, "vip: 203.0.114.66", "vip: 203.0.114.67", 1))
	if r := a.ctl(t, 0, "diff", "--node", "gw1"); r.Code != 1 || !strings.Contains(r.Stdout, "- announcement "+otherVIP+": withdraw the VIP") || !strings.Contains(r.Stdout, "+ announcement 203.0.114.67/32") {
		t.Errorf("diff exits %d:\n%s", r.Code, r.Stdout)
	}
	a.write(t, activePolicy)
	a.edited(t, 0, "\troute "+otherVIP+" blackhole;", "")
	if r := a.ctl(t, 0, "status", "--check"); r.Code == 0 || !strings.Contains(r.Stdout, "is not as the policy says") {
		t.Errorf("status of a file that was changed exits %d:\n%s", r.Code, r.Stdout)
	}
	if r := a.apply(t, 0); !strings.Contains(r.Stdout, "+ announcement "+otherVIP) {
		t.Errorf("apply says\n%s", r.Stdout)
	}

	a.refused(t)
	must(t, a.StopBird(1))
	a.via(t, activeVIP, 0)
	a.write(t, strings.Replace(activePolicy, "vip: 203.0.114.66", "vip: 203.0.114.67", 1))
	if r := a.apply(t, 1); !strings.Contains(r.Stderr, "BIRD does not run") {
		t.Errorf("apply beside no BIRD says\n%s", r.Stderr)
	}
	must(t, a.StartBird(1))
	a.via(t, "203.0.114.67/32", 1)
	for i := range 2 {
		if r := a.ctl(t, i, "flush"); r.Code != 0 || !strings.Contains(r.Stdout, "that BIRD announced") {
			t.Errorf("flush exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		if _, err := os.Stat(filepath.Join(a.Files(i), "snatctl.conf")); err == nil {
			t.Error("flush leaves the file")
		}
	}
	a.via(t, activeVIP)
	a.via(t, "198.51.100.32/28")
}

// refused tries what must change nothing.
func (a *active) refused(t *testing.T) {
	t.Helper()
	kept, table := a.bird(t, 0), list(t, a.Gateways[0])
	defer a.write(t, activePolicy)
	nothing := func(what, say string) {
		t.Helper()
		r := a.ctl(t, 0, "apply", "--node", "gw1")
		if r.Code == 0 || !strings.Contains(r.Stderr, say) || !strings.Contains(r.Stderr, "nothing was changed") {
			t.Errorf("%s: apply exits %d: %s", what, r.Code, r.Stderr)
		}
		if a.bird(t, 0) != kept || list(t, a.Gateways[0]) != table {
			t.Errorf("%s: something has changed", what)
		}
	}
	a.write(t, strings.Replace(activePolicy, "snatctl.conf", "bird.conf", 1))
	nothing("another's file", "snatctl did not write")
	a.write(t, strings.Replace(activePolicy, "tcp/81", "tcp/82", 1))
	broken := filepath.Join(a.Files(0), "snatctl-too.conf") // bird.conf includes it, too
	must(t, os.WriteFile(broken, []byte("protocol static snatctl_vips { ipv4; }\n"), 0o644))
	a.write(t, strings.Replace(activePolicy, "vip: 203.0.114.66", "vip: 203.0.114.67", 1))
	nothing("a BIRD that cannot use it", "BIRD says")
	must(t, os.Remove(broken))
}
