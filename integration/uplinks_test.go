package integration

import (
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
