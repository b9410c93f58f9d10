package integration

import "testing"

func TestZonesFirstMatch(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: one-host, from: 10.1.200.7, laddrs: 198.51.100.1}
  - {name: a-few, from: [10.1.200.0/28, "fd01::8000:0:0:0/124"], laddrs: [198.51.100.2, "2001:db8:99::2"]}
  - {name: hole, from: 10.1.200.64-10.1.200.70, action: accept}
  - {name: wide, from: [10.1.200.0/24, "fd01::8000:0:0:0/112"], laddrs: [198.51.100.3, "2001:db8:99::3"]}
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.4, "2001:db8:99::4"]}
  - {name: everyone, from: [0.0.0.0/0, "::/0"], laddrs: [198.51.100.5, "2001:db8:99::5"]}
`)
	s.check(t,
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Office, "udp 10.1.200.7 > 9.9.9.9:53", "outside sees 198.51.100.1"},
		packet{s.Office, "tcp 10.1.200.6 > 8.8.8.8:53", "outside sees 198.51.100.2"},
		packet{s.Office, "tcp 10.1.200.8 > 8.8.8.8:53", "outside sees 198.51.100.2"},
		packet{s.Office, "tcp 10.1.200.16 > 8.8.8.8:53", "outside sees 198.51.100.3"},
		packet{s.Office, "tcp 10.1.200.63 > 8.8.8.8:53", "outside sees 198.51.100.3"},
		packet{s.Office, "tcp 10.1.200.64 > 8.8.8.8:53", "outside sees 10.1.200.64"},
		packet{s.Office, "udp 10.1.200.65 > 8.8.8.8:53", "outside sees 10.1.200.65"},
		packet{s.Office, "tcp 10.1.200.70 > 8.8.8.8:53", "outside sees 10.1.200.70"},
		packet{s.Office, "tcp 10.1.200.71 > 8.8.8.8:53", "outside sees 198.51.100.3"},
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.4"},
		packet{s.Guests, "tcp 8.8.8.8:53", "outside sees 198.51.100.5"},
		packet{s.RS[0], "tcp 8.8.8.8:53", "outside sees 198.51.100.5"},
		packet{s.Office, "tcp fd01::8000:0:0:1 > [2001:db8:8::8]:53", "outside sees 2001:db8:99::2"},
		packet{s.Office, "udp fd01::8000:0:0:10 > [2001:db8:8::8]:53", "outside sees 2001:db8:99::3"},
		packet{s.Office, "udp [2001:db8:9::9]:53", "outside sees 2001:db8:99::4"},
		packet{s.Guests, "tcp [2001:db8:9::9]:53", "outside sees 2001:db8:99::5"},
		// Toward the inside no uplink is left through: no zone decides.
		packet{s.Guests, "tcp 192.168.1.1:80", "rs1 sees 10.2.5.9"},
		packet{s.Guests, "udp [fd05::1]:80", "rs1 sees fd02::9"},
		packet{s.Outside, "tcp 8.8.8.8 > 192.168.1.1:80", "rs1 sees 8.8.8.8"},
	)
}

func TestZoneActions(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: masquerade, from: [10.1.200.1, "fd01::8000:0:0:1"], action: masquerade}
  - {name: accept, from: [10.1.200.2, "fd01::8000:0:0:2"], action: accept}
  - {name: drop, from: [10.1.200.3, "fd01::8000:0:0:3"], action: drop}
  - {name: reject, from: [10.1.200.4, "fd01::8000:0:0:4"], action: reject}
  - {name: silent-reject, from: [10.1.200.5, "fd01::8000:0:0:5"]}
  - {name: snat, from: [10.1.200.6, "fd01::8000:0:0:6"], action: snat, laddrs: [198.51.100.6, "2001:db8:99::6"]}
  - {name: exclude, from: [10.1.200.7, "fd01::8000:0:0:7"], laddrs: [198.51.100.7, "2001:db8:99::7"], exclude: [9.9.9.0/24, 8.8.8.8, "2001:db8:9::/64"]}
  - {name: exclude-masquerade, from: 10.1.200.8, action: masquerade, exclude: 9.9.9.9-9.9.9.200}
`)
	s.check(t,
		packet{s.Office, "tcp 10.1.200.1 > 8.8.8.8:53", "outside sees 192.0.2.2"},
		packet{s.Office, "udp 10.1.200.1 > 9.9.9.9:53", "outside sees 198.18.1.2"},
		packet{s.Office, "udp fd01::8000:0:0:1 > [2001:db8:9::9]:53", "outside sees 2001:db8:3::2"},
		packet{s.Office, "tcp 10.1.200.2 > 8.8.8.8:53", "outside sees 10.1.200.2"},
		packet{s.Office, "udp fd01::8000:0:0:2 > [2001:db8:8::8]:53", "outside sees fd01::8000:0:0:2"},
		packet{s.Office, "tcp 10.1.200.3 > 8.8.8.8:53", "silent"},
		packet{s.Office, "udp 10.1.200.3 > 8.8.8.8:53", "silent"},
		packet{s.Office, "tcp fd01::8000:0:0:3 > [2001:db8:8::8]:53", "silent"},
		packet{s.Office, "tcp 10.1.200.4 > 8.8.8.8:53", "refused"},
		packet{s.Office, "udp 10.1.200.4 > 8.8.8.8:53", "refused"},
		packet{s.Office, "tcp fd01::8000:0:0:4 > [2001:db8:8::8]:53", "refused"},
		packet{s.Office, "udp fd01::8000:0:0:4 > [2001:db8:8::8]:53", "refused"},
		packet{s.Office, "tcp 10.1.200.5 > 8.8.8.8:53", "refused"},
		packet{s.Office, "udp 10.1.200.5 > 8.8.8.8:53", "refused"},
		packet{s.Office, "tcp fd01::8000:0:0:5 > [2001:db8:8::8]:53", "refused"},
		packet{s.Office, "tcp 10.1.200.6 > 8.8.8.8:53", "outside sees 198.51.100.6"},
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.4:7", "outside sees 198.51.100.7"},
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.8:53", "outside sees 10.1.200.7"},
		packet{s.Office, "udp 10.1.200.7 > 9.9.9.9:53", "outside sees 10.1.200.7"},
		packet{s.Office, "udp fd01::8000:0:0:7 > [2001:db8:9::9]:53", "outside sees fd01::8000:0:0:7"},
		packet{s.Office, "udp fd01::8000:0:0:7 > [2001:db8:8::8]:53", "outside sees 2001:db8:99::7"},
		packet{s.Office, "tcp 10.1.200.8 > 9.9.9.8:7", "outside sees 198.18.1.2"},
		packet{s.Office, "tcp 10.1.200.8 > 9.9.9.9:53", "outside sees 10.1.200.8"},
		// No zone: accepted as it is.
		packet{s.Guests, "tcp 8.8.8.8:53", "outside sees 10.2.5.9"},
		// Refused sources still reach the inside, and answer who calls them from there.
		packet{s.Office, "tcp 10.1.200.3 > 192.168.1.1:80", "rs1 sees 10.1.200.3"},
	)
}

// The first zone that matches decides even where it leaves a connection alone: what it
// excludes or accepts is not offered to the next zone, nor is it unmatched.
func TestZonesDecideOnce(t *testing.T) {
	s := startSite(t, "")
	for _, rest := range []string{"laddrs: [198.51.100.99, \"2001:db8:99::99\"]", "action: drop", "action: reject", "action: masquerade"} {
		t.Run(rest, func(t *testing.T) {
			s.start(t, `
version: 1
gateway: {uplinks: [wan0, wan1], unmatched: drop}
laddrs:
  apart: [198.51.100.1, 198.51.100.3, "2001:db8:99::1", "2001:db8:99::3"]
zones:
  - {name: plain, from: [10.1.200.0/28, "fd01::8000:0:0:0/124"], laddrs: [198.51.100.5, "2001:db8:99::5"], exclude: [9.9.9.0/24, "2001:db8:9::/64"]}
  - {name: apart, from: 10.1.200.16/28, laddrs: apart, exclude: [9.9.9.0/24, "2001:db8:9::/64"]}
  - {name: masquerade, from: 10.1.200.32/28, action: masquerade, exclude: [9.9.9.9]}
  - {name: accept, from: [10.1.200.48/28, "fd01::8000:0:0:30/124"], action: accept}
  - {name: pairs, from: 10.1.200.64/28, laddrs: apart, select: source-destination, exclude: 9.9.9.9}
  - {name: everyone, from: [0.0.0.0/0, "::/0"], `+rest+`}
`)
			s.check(t,
				packet{s.Office, "udp 10.1.200.1 > 9.9.9.9:53", "outside sees 10.1.200.1"},
				packet{s.Office, "tcp 10.1.200.1 > 8.8.8.8:53", "outside sees 198.51.100.5"},
				packet{s.Office, "udp fd01::8000:0:0:1 > [2001:db8:9::9]:53", "outside sees fd01::8000:0:0:1"},
				packet{s.Office, "udp fd01::8000:0:0:1 > [2001:db8:8::8]:53", "outside sees 2001:db8:99::5"},
				packet{s.Office, "tcp 10.1.200.17 > 9.9.9.9:53", "outside sees 10.1.200.17"},
				packet{s.Office, "udp 10.1.200.17 > 8.8.8.8:53", "outside sees 198.51.100.1 | outside sees 198.51.100.3"},
				packet{s.Office, "udp 10.1.200.33 > 9.9.9.9:53", "outside sees 10.1.200.33"},
				packet{s.Office, "udp 10.1.200.33 > 8.8.8.8:53", "outside sees 192.0.2.2"},
				packet{s.Office, "udp 10.1.200.49 > 8.8.8.8:53", "outside sees 10.1.200.49"},
				packet{s.Office, "udp fd01::8000:0:0:31 > [2001:db8:8::8]:53", "outside sees fd01::8000:0:0:31"},
				packet{s.Office, "udp 10.1.200.65 > 9.9.9.9:53", "outside sees 10.1.200.65"},
				packet{s.Office, "udp 10.1.200.65 > 8.8.8.8:53", "outside sees 198.51.100.1 | outside sees 198.51.100.3"},
			)
		})
	}
}

// A zone with laddrs of one family only has no address to give to the other.
func TestZoneOneFamily(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: v4, from: 10.1.0.0/16, laddrs: 198.51.100.6}
  - {name: v6, from: "fd02::/64", laddrs: "2001:db8:99::6"}
`)
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.6"},
		packet{s.Office, "tcp [2001:db8:8::8]:53", "outside sees fd01::9"},
		packet{s.Guests, "tcp 8.8.8.8:53", "outside sees 10.2.5.9"},
		packet{s.Guests, "tcp [2001:db8:8::8]:53", "outside sees 2001:db8:99::6"},
	)
}

func TestUnmatched(t *testing.T) {
	s := startSite(t, "")
	for _, c := range []struct{ unmatched, want4, want6 string }{
		{"accept", "outside sees 10.2.5.9", "outside sees fd02::9"},
		{"drop", "silent", "silent"},
		{"reject", "refused", "refused"},
	} {
		t.Run(c.unmatched, func(t *testing.T) {
			s.start(t, `
version: 1
gateway: {uplinks: wan0, unmatched: `+c.unmatched+`}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.6, "2001:db8:99::6"]}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}
  - {name: far, vip: 203.0.113.2, ports: tcp/80, mode: nat, real_servers: 8.8.8.8}
`)
			s.check(t,
				packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.6"},
				packet{s.Office, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:99::6"},
				packet{s.Guests, "tcp 8.8.8.8:53", c.want4},
				packet{s.Guests, "udp 8.8.8.8:53", c.want4},
				packet{s.Guests, "tcp [2001:db8:8::8]:53", c.want6},
				packet{s.Guests, "udp [2001:db8:8::8]:53", c.want6},
				// wan1 is not an uplink, and neither is the inside.
				packet{s.Guests, "tcp 9.9.9.9:53", "outside sees 10.2.5.9"},
				packet{s.Guests, "udp [2001:db8:9::9]:53", "outside sees fd02::9"},
				packet{s.Guests, "tcp 192.168.1.2:80", "rs2 sees 10.2.5.9"},
				packet{s.Outside, "tcp 8.8.8.8 > 192.168.1.2:80", "rs2 sees 8.8.8.8"},
				// What a service handled is not unmatched, even where its real server is far.
				packet{s.Guests, "tcp 203.0.113.1:80", "rs1 sees 10.2.5.9"},
				packet{s.Guests, "tcp 203.0.113.2:80", "outside sees 10.2.5.9"},
				// The gateway's own connections are none of the zones' business.
				packet{s.Gateway, "tcp 8.8.8.8:53", "outside sees 192.0.2.2"},
				packet{s.Gateway, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:2::2"},
			)
		})
	}
}

// Conditions of zones: destinations, ports, and the interfaces of either side. A zone that
// does not hold for a packet leaves it to the next.
func TestZoneConditions(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: to, from: [10.1.200.0/28, "fd01::8000:0:0:0/124"], to: [9.9.9.0/24, "2001:db8:9::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
  - {name: ports, from: [10.1.200.16/28, "fd01::8000:0:0:10/124"], ports: [tcp/53, udp/70-90], laddrs: [198.51.100.2, "2001:db8:99::2"]}
  - {name: drop, from: 10.1.200.32/28, ports: udp/53, action: drop}
  - {name: oif, from: 10.2.0.0/16, oif: wan1, laddrs: [198.51.100.4, 198.51.100.44]}
  - {name: iif, from: 0.0.0.0/0, iif: lan2, laddrs: 198.51.100.5}
  - {name: inner, from: 10.2.200.0/24, oif: dc0, laddrs: 192.168.2.7}
  - {name: reject, from: 10.1.200.48/28, to: 9.9.9.9, ports: tcp/*, action: reject}
  - {name: everyone, from: [0.0.0.0/0, "::/0"], laddrs: [198.51.100.99, "2001:db8:99::99"]}
`)
	const rest4, rest6 = "outside sees 198.51.100.99", "outside sees 2001:db8:99::99"
	s.check(t,
		packet{s.Office, "udp 10.1.200.1 > 9.9.9.9:53", "outside sees 198.51.100.1"},
		packet{s.Office, "udp 10.1.200.1 > 8.8.8.8:53", rest4},
		packet{s.Office, "tcp fd01::8000:0:0:1 > [2001:db8:9::9]:53", "outside sees 2001:db8:99::1"},
		packet{s.Office, "tcp fd01::8000:0:0:1 > [2001:db8:8::8]:53", rest6},
		packet{s.Office, "tcp 10.1.200.17 > 8.8.8.8:53", "outside sees 198.51.100.2"},
		packet{s.Office, "udp 10.1.200.17 > 8.8.8.8:80", "outside sees 198.51.100.2"},
		packet{s.Office, "udp 10.1.200.17 > 8.8.8.8:53", rest4},
		packet{s.Office, "tcp 10.1.200.17 > 8.8.8.8:80", rest4},
		packet{s.Office, "udp fd01::8000:0:0:11 > [2001:db8:8::8]:80", "outside sees 2001:db8:99::2"},
		packet{s.Office, "udp 10.1.200.33 > 8.8.8.8:53", "silent"},
		packet{s.Office, "tcp 10.1.200.33 > 8.8.8.8:53", rest4},
		packet{s.Guests, "tcp 9.9.9.9:53", "outside sees 198.51.100.4 | outside sees 198.51.100.44"},
		packet{s.Guests, "tcp 8.8.8.8:53", rest4},
		packet{s.Lab, "tcp 8.8.8.8:53", "outside sees 198.51.100.5"},
		packet{s.Guests, "tcp 10.2.200.1 > 192.168.1.1:80", "rs1 sees 192.168.2.7"},
		packet{s.Guests, "tcp 192.168.1.1:80", "rs1 sees 10.2.5.9"},
		packet{s.Office, "tcp 10.1.200.49 > 9.9.9.9:53", "refused"},
		packet{s.Office, "udp 10.1.200.49 > 9.9.9.9:53", rest4},
		packet{s.Office, "tcp 10.1.200.49 > 8.8.8.8:53", rest4},
	)
}
