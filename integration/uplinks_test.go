package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

func TestUplinks(t *testing.T) {
	t.Parallel()
	// 9.9.9.0/24 lies behind the second uplink; its name grows from the first's.
	s := newSite(t, nstest.Options{Uplinks: [2]string{"ppp", "ppp17"}})
	for _, c := range []struct {
		name, gateway         string
		first, second, within string // how Outside, Outside and rs1 see 10.2.5.9
	}{
		{"first", "gateway: {uplinks: ppp}", "198.51.100.6", "10.2.5.9", "10.2.5.9"},
		{"second", "gateway: {uplinks: [ppp17]}", "10.2.5.9", "198.51.100.6", "10.2.5.9"},
		{"both", "gateway: {uplinks: [ppp17, ppp]}", "198.51.100.6", "198.51.100.6", "10.2.5.9"},
		{"prefix", "gateway: {uplinks: [ppp*]}", "198.51.100.6", "198.51.100.6", "10.2.5.9"},
		{"longer prefix", "gateway: {uplinks: [ppp1*]}", "10.2.5.9", "198.51.100.6", "10.2.5.9"},
		{"name and prefix", "gateway: {uplinks: [ppp, eth*, ppp1*]}", "198.51.100.6", "198.51.100.6", "10.2.5.9"},
		{"none that exists", "gateway: {uplinks: [eth7, wan*]}", "10.2.5.9", "10.2.5.9", "10.2.5.9"},
		{"any", "", "198.51.100.6", "198.51.100.6", "198.51.100.6"},
		{"inside", "gateway: {uplinks: dc0}", "10.2.5.9", "10.2.5.9", "198.51.100.6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.start(t, `
version: 1
`+c.gateway+`
zones:
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: [198.51.100.6, "2001:db8:99::6"]}
`)
			v6 := map[string]string{"10.2.5.9": "fd02::9", "198.51.100.6": "2001:db8:99::6"}
			s.check(t,
				packet{s.Guests, "tcp 8.8.8.8:53", "outside sees " + c.first},
				packet{s.Guests, "udp 9.9.9.9:53", "outside sees " + c.second},
				packet{s.Guests, "tcp 192.168.1.1:80", "rs1 sees " + c.within},
				packet{s.Guests, "udp [2001:db8:8::8]:53", "outside sees " + v6[c.first]},
				packet{s.Guests, "tcp [2001:db8:9::9]:53", "outside sees " + v6[c.second]},
				packet{s.Guests, "udp [fd05::1]:80", "rs1 sees " + v6[c.within]},
				packet{s.Office, "tcp 8.8.8.8:53", "outside sees 10.1.5.9"},
			)
		})
	}
}

// An uplink may come up after apply, as PPP does each time it dials.
func TestUplinkComesLater(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{Uplinks: [2]string{"wan0", "idle"}})
	s.start(t, `
version: 1
gateway: {uplinks: [wan0, ppp*]}
zones:
  - {name: guests, from: 10.2.0.0/16, laddrs: 198.51.100.6}
`)
	s.check(t, packet{s.Guests, "tcp 9.9.9.9:53", "outside sees 10.2.5.9"})
	output(t, s.Gateway, "ip", "link", "set", "idle", "down")
	output(t, s.Gateway, "ip", "link", "set", "idle", "name", "ppp3")
	output(t, s.Gateway, "ip", "link", "set", "ppp3", "up")
	must(t, s.Gateway.AddRoute("ppp3", "9.9.9.0/24", "198.18.1.1"))
	s.check(t, packet{s.Guests, "tcp 9.9.9.9:53", "outside sees 198.51.100.6"})
}

// Where zones name laddrs by oif and an uplink fails over by routing, connections that go on
// leave the second uplink with the laddr of the first: they belong nowhere any more, and end.
func TestUplinkFailsOver(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, "wan1*"]}
zones:
  - {name: first, from: [10.1.0.0/16, "fd01::/64"], oif: wan0, laddrs: [198.51.100.1, "2001:db8:99::1"]}
  - {name: second, from: [10.1.0.0/16, "fd01::/64"], oif: "wan1*", laddrs: [198.51.100.2, "2001:db8:99::2"]}
  - {name: rest, from: 10.2.0.0/16, laddrs: 198.51.100.3}
  - {name: lab, from: 10.66.0.0/16, action: masquerade}
`
	s := startSite(t, policy)
	v4 := s.asked(t, "8.8.8.8:53", "outside sees 198.51.100.1")
	v6 := s.asked(t, "[2001:db8:8::8]:53", "outside sees 2001:db8:99::1")
	stays := s.asked(t, "9.9.9.9:53", "outside sees 198.51.100.2")
	other := asked(t, s.Guests, "8.8.8.8:53", "outside sees 198.51.100.3")
	masqueraded := asked(t, s.Lab, "8.8.8.8:53", "outside sees 192.0.2.2")
	if out := prints(t, s.Gateway, "flows", "--past", "--count"); out != "0\n" {
		t.Errorf("before anything happens %s flows are past", out)
	}

	output(t, s.Gateway, "ip", "route", "replace", "8.8.8.0/24", "via", "198.18.1.1")
	output(t, s.Gateway, "ip", "-6", "route", "replace", "2001:db8:8::/64", "via", "2001:db8:3::1")
	masqueraded("silent") // the kernel itself ends what it masquerades, at the cost of a packet
	masqueraded("outside sees 198.18.1.2")
	v4("outside sees 198.51.100.1")
	v6("outside sees 2001:db8:99::1")
	past := decodeFlows(t, prints(t, s.Gateway, "flows", "--past", "--format", "json"))
	if len(past) != 2 || *past[0].Zone != "first" || *past[1].Zone != "first" {
		t.Errorf("past are %v, want two flows of zone first", past)
	}
	if text := prints(t, s.Gateway, "status"); !strings.Contains(text, " 3 of this policy, 2 no longer in policy, 0 nobody's") {
		t.Errorf("status says\n%s", text)
	}
	if r := wantDiff(t, s.Gateway, policy, 0); !strings.Contains(r.Stdout, "would end 2 flows of zone first: leaves through wan1 now, where zone second decides\n") {
		t.Errorf("diff says\n%s", r.Stdout)
	}
	if r := snatctl(t, s.Gateway, policy, "apply", "--format", "json"); r.Code != 0 || flowsEnded(t, r) != 2 {
		t.Errorf("apply exits %d and ends %d flows, want 2\n%s%s", r.Code, flowsEnded(t, r), r.Stdout, r.Stderr)
	}
	v4("outside sees 198.51.100.2")
	v6("outside sees 2001:db8:99::2")
	stays("outside sees 198.51.100.2")
	other("outside sees 198.51.100.3")
	if r := snatctl(t, s.Gateway, policy, "apply", "--format", "json"); r.Code != 0 || flowsEnded(t, r) != 0 {
		t.Errorf("the next apply exits %d and ends %d flows, want none\n%s%s", r.Code, flowsEnded(t, r), r.Stdout, r.Stderr)
	}
}
