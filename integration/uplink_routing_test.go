package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
)

// byUplinks has the uplinks of a policy written as objects, with routers of their own.
func byUplinks(text string) string {
	return strings.Replace(text, "uplinks: [wan0, wan1]",
		`uplinks: {isp1: {interface: wan0, gateway: [192.0.2.1, "2001:db8:2::1"]}, isp2: {interface: wan1, gateway: [198.18.1.1, "2001:db8:3::1"]}}`, 1)
}

// leadsTo asks the kernel where a packet of a gateway goes: "wan0", or "" for nowhere.
func leadsTo(t testing.TB, h *nstest.Host, packet string) string {
	t.Helper()
	out, _ := h.Output(t.Context(), "sh", "-c", "ip route get "+packet+" 2>&1")
	_, dev, _ := strings.Cut(out, " dev ")
	dev, _, _ = strings.Cut(dev, " ")
	return dev
}

// What is marked leaves by its uplink, and what is not goes where it always went; other people's rules and
// routes decide as before, and stay.
func TestUplinkRouting(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	h := w.Gateway
	r, err := w.AddRouters(t.Context())
	must(t, err)
	output(t, h, "sh", "-ec", `ip route add 8.8.8.0/24 via 192.0.2.1; ip rule add pref 32000 from 10.66.0.0/16 lookup 100; ip route add 8.8.0.0/16 via 198.18.1.1 table 100
		ip rule add pref 90 from 10.67.0.0/16 lookup 100; ip rule add pref 20001 from 10.68.0.0/16 lookup 100; ip route add default via 192.0.2.77 table 20050
		sysctl -qw net.ipv4.conf.wan1.rp_filter=1`)
	before := settledNetwork(t, h)
	text := byUplinks(ownAddresses("none"))
	p := compiled.Policy(t, []byte(text))
	numbers := p.Gateway.Numbers()
	mark := func(name string, bits uint32) string {
		return fmt.Sprintf("mark %#x", policy.UplinkMark(numbers[name])|bits|0x33)
	}
	d := wantDiff(t, h, text, 1)
	for _, want := range []string{"+ uplink isp1: table ", "+ uplink isp2: table ", "+ uplink isp2: ip rules to table ", "~ uplink isp2: rp_filter of wan1 is 2", "would change routes and addresses of this host"} {
		if !strings.Contains(d.Stdout, want) {
			t.Errorf("diff has no %q:\n%s", want, d.Stdout)
		}
	}
	apply(t, h, text)
	wantDiff(t, h, text, 0)
	for packet, want := range map[string]string{
		"8.8.8.8":                                            "wan0",
		"1.2.3.4":                                            "wan0",
		"1.2.3.4 " + mark("isp2", 0):                         "wan1",
		"1.2.3.4 " + mark("isp1", 0):                         "wan0",
		"2001:db8:9::9 " + mark("isp2", 0):                   "wan1",
		"8.8.8.8 " + mark("isp2", 0):                         "wan0", // main has a route
		"8.8.8.8 " + mark("isp2", policy.UplinkCameIn):       "wan1", // an answer
		"2001:db8:9::9 " + mark("isp2", policy.UplinkCameIn): "wan1",
		"192.168.1.1 " + mark("isp2", 0):                     "dc0",
		"1.2.3.4 from 198.18.1.2":                            "wan1",
		"1.2.3.4 from 192.0.2.2":                             "wan0",
		"10.1.5.9 from 198.18.1.2":                           "lan0",
		"1.2.3.4 oif wan1":                                   "wan1",
		"8.8.8.8 from 10.66.5.9 iif lan0":                    "wan1", // by rule 32000, although main has a more specific route
		"8.8.8.8 from 10.67.5.9 iif lan0":                    "wan1",
	} {
		if got := leadsTo(t, h, packet); got != want {
			t.Errorf("%s goes to %q, want %q", packet, got, want)
		}
	}
	// What is behind the first router does not answer: bound to the second's address one reaches the outside.
	must(t, r.Mute(t.Context(), 0))
	for from, to := range map[string]string{"198.18.1.2": "9.9.9.9", "2001:db8:3::2": "2001:db8:9::9"} {
		must(t, h.Ping(t.Context(), from, to))
	}
	must(t, r.Unmute(t.Context(), 0))

	// An uplink whose interface is down leads nowhere, rather than elsewhere.
	output(t, h, "ip", "link", "set", "wan1", "down") // which costs it its addresses of IPv6, and them their rules
	apply(t, h, text)
	wantDiff(t, h, text, 0)
	if got := leadsTo(t, h, "1.2.3.4 "+mark("isp2", 0)); got != "" {
		t.Errorf("marked for an uplink that is down it goes to %s", got)
	}
	output(t, h, "sh", "-ec", "ip link set wan1 up; ip -6 addr replace 2001:db8:3::2/64 dev wan1 nodad; ip route replace 8.8.0.0/16 via 198.18.1.1 table 100")
	if got := diffJSON(t, h, text, 1).names("add", "uplink"); got != "isp2 isp2" && got != "isp2" {
		t.Errorf("it is up again, and diff adds %q", got)
	}
	apply(t, h, text)
	if got := leadsTo(t, h, "1.2.3.4 "+mark("isp2", 0)); got != "wan1" {
		t.Errorf("marked for an uplink that is up again it goes to %q", got)
	}

	there := settledNetwork(t, h)
	turned := strings.Replace(text, "198.18.1.1,", "198.18.1.77,", 1)
	if got := wantDiff(t, h, turned, 1).Stdout; !strings.Contains(got, "~ uplink isp2: table ") || !strings.Contains(got, "via 198.18.1.77 dev wan1 onlink (was default via 198.18.1.1 dev wan1 onlink)") {
		t.Errorf("with another router diff says\n%s", got)
	}
	trial := begin(t, h, false, turned, "1s", "--state-dir", t.TempDir())
	trial.ends(t, 5)
	settled := settledNetwork(t, h)
	if settled != there {
		t.Errorf("taken back: %s", cmp.Diff(there, settled))
	}

	fewer := strings.Replace(text, `, isp2: {interface: wan1, gateway: [198.18.1.1, "2001:db8:3::1"]}`, "", 1)
	if got := diffJSON(t, h, fewer, 1).names("remove", "uplink"); got != "isp2 isp2" {
		t.Errorf("with one uplink less diff removes the uplinks %q", got)
	}

	other := strings.Replace(text, "gateway: {", "gateway: {table: other, ", 1)
	if r := snatctl(t, h, other, "apply"); r.Code != 1 || !strings.Contains(r.Stderr, "the uplinks of another policy on this host have table") || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("another policy takes the same tables: %d %s", r.Code, r.Stderr)
	}
	if out := prints(t, h, "flush"); !strings.Contains(out, "routes and ip rules of uplinks") {
		t.Errorf("flush prints %s", out)
	}
	if was, is := ruled(before), ruled(network(t, h)); was != is {
		t.Errorf("flush leaves something: %s", cmp.Diff(was, is))
	}
}

// ruled are the rules of a network, and the routes of tables that somebody made.
func ruled(network string) (out string) {
	for line := range strings.Lines(network) {
		if strings.Contains(line, " lookup ") || strings.Contains(line, " table 20") {
			out += line
		}
	}
	return out
}

// What somebody else removes is missed by diff and status, and apply brings it back.
func TestUplinkRoutingDrift(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	h, dir := w.Gateway, t.TempDir()
	text := byUplinks(ownAddresses("none"))
	apply(t, h, text, "--state-dir", dir)
	there := settledNetwork(t, h)
	for _, c := range []struct{ fault, status string }{
		{"ip rule del pref 20001 oif wan0", "critical: gateway: missing: ip rules 20001"},
		{"ip -6 rule del pref 20002 from 2001:db8:2::2", "critical: uplink isp1: missing: ip rules to table "},
		{"ip route del default dev wan1 table " + fmt.Sprint(tableOf(t, text, "isp2")), "critical: uplink isp2: missing: table "},
		{"sysctl -qw net.ipv4.conf.wan0.rp_filter=1", "critical: uplink isp1: other than the policy says: rp_filter of wan0"},
		{"ip addr add 192.0.2.3/24 dev wan0", "critical: uplink isp1: missing: ip rules to table "},
	} {
		output(t, h, "sh", "-ec", c.fault)
		d := diffJSON(t, h, text, 1)
		if len(d.Changes) == 0 {
			t.Errorf("%s: no change", c.fault)
		}
		if r := ctl(t, h, "status", "--check", "--state-dir", dir); r.Code != 2 || !strings.Contains(r.Stdout, c.status) {
			t.Errorf("%s: status --check says\n%swant %s", c.fault, r.Stdout, c.status)
		}
		apply(t, h, text, "--state-dir", dir)
		wantDiff(t, h, text, 0)
	}
	output(t, h, "ip", "addr", "del", "192.0.2.3/24", "dev", "wan0")
	wantDiff(t, h, text, 1)
	apply(t, h, text, "--state-dir", dir)
	if now := strings.Replace(settledNetwork(t, h), "wan0/rp_filter:2", "wan0/rp_filter:0", 1); now != there {
		t.Errorf("apply does not repair: %s", cmp.Diff(there, now))
	}
}

// An agent brings back what somebody else removes, and the route of an interface that was down.
func TestUplinkRoutingAgent(t *testing.T) {
	t.Parallel()
	w := startTwoWays(t, watchedUplinks)
	h, n := w.Gateway, tableOf(t, watchedUplinks, "isp2")
	there := ruled(settledNetwork(t, h))
	for _, fault := range []string{
		"ip rule del pref 20002 oif wan0; ip -6 rule del pref 20001 oif wan1",
		fmt.Sprintf("ip route del default dev wan1 table %d", n),
		"ip link set wan1 down; sleep 0.3; ip link set wan1 up; ip -6 addr replace 2001:db8:3::2/64 dev wan1",
	} {
		output(t, h, "sh", "-ec", fault)
		eventually(t, "the agent to mend "+fault, func() bool { return ruled(network(t, h)) == there })
	}
	w.await(t, "isp2", "up")
	if len(w.agent.logged("drift_found")) == 0 {
		t.Error("the log has no drift")
	}
}

// tableOf is the number of an uplink's routing table.
func tableOf(t testing.TB, text, uplink string) int {
	p := compiled.Policy(t, []byte(text))
	return p.Gateway.TableOf(p.Gateway.Numbers()[uplink])
}
