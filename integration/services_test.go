package integration

import (
	"net/netip"
	"testing"
)

func TestServiceModes(t *testing.T) {
	s := startSite(t, `
version: 1
laddrs:
  inner: [192.168.2.250-192.168.2.253, "fd06::fa"]
services:
  - name: web
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [tcp/80, tcp/443, udp/443]
    mode: nat
    real_servers: [192.168.1.1, "fd05::1"]
  - name: moved
    vip: [203.0.113.11, "2001:db8::11"]
    ports: [tcp/80, udp/80]
    mode: nat
    real_servers: ["192.168.1.2:8080", {address: "fd05::2", port: 8080}]
  - name: dns
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [udp/53, tcp/53]
    mode: fullnat
    laddrs: inner
    real_servers: ["192.168.1.3:5353", "[fd05::3]:5353"]
  - name: inline
    vip: 203.0.113.12
    ports: tcp/80
    mode: fullnat
    laddrs: 192.168.2.77
    real_servers: 192.168.1.3
  - {name: tcp-only, vip: 8.8.8.8, ports: tcp/3868, mode: nat, real_servers: 192.168.1.1}
`)
	s.check(t,
		packet{s.Office, "tcp 203.0.113.10:80", "rs1 sees 10.1.5.9"},
		packet{s.Office, "tcp 203.0.113.10:443", "rs1 sees 10.1.5.9"},
		packet{s.Office, "udp 203.0.113.10:443", "rs1 sees 10.1.5.9"},
		packet{s.Office, "tcp [2001:db8::10]:80", "rs1 sees fd01::9"},
		packet{s.Office, "udp [2001:db8::10]:443", "rs1 sees fd01::9"},
		packet{s.Outside, "tcp 8.8.8.8 > 203.0.113.10:80", "rs1 sees 8.8.8.8"},
		packet{s.Outside, "tcp 2001:db8:9::9 > [2001:db8::10]:443", "rs1 sees 2001:db8:9::9"},
		packet{s.Guests, "tcp 203.0.113.11:80", "rs2 sees 10.2.5.9"},
		packet{s.Guests, "udp 203.0.113.11:80", "rs2 sees 10.2.5.9"},
		packet{s.Guests, "udp [2001:db8::11]:80", "rs2 sees fd02::9"},
		packet{s.Guests, "tcp 203.0.113.12:80", "rs3 sees 192.168.2.77"},
		packet{s.Outside, "tcp 9.9.9.9 > 203.0.113.12:80", "rs3 sees 192.168.2.77"},
	)
	pool := "rs3 sees 192.168.2.250 | rs3 sees 192.168.2.251 | rs3 sees 192.168.2.252 | rs3 sees 192.168.2.253"
	s.check(t,
		packet{s.Office, "udp 203.0.113.10:53", pool},
		packet{s.Guests, "tcp 203.0.113.10:53", pool},
		packet{s.Outside, "tcp 8.8.8.8 > 203.0.113.10:53", pool},
		packet{s.Office, "udp [2001:db8::10]:53", "rs3 sees fd06::fa"},
		packet{s.Lab, "tcp [2001:db8::10]:53", "rs3 sees fd06::fa"},
	)
	t.Run("the real server's port", func(t *testing.T) {
		_, orig, err := ask(s.Office, "tcp 203.0.113.11:80")
		must(t, err)
		if f := s.flow(t, orig); f == nil || f.Reply.Src != netip.MustParseAddrPort("192.168.1.2:8080") {
			t.Errorf("conntrack has %v, want a translation to 192.168.1.2:8080", f)
		}
	})
	t.Run("another protocol is left alone", func(t *testing.T) {
		// The service has TCP only, so SCTP goes on to the VIP's owner.
		sniffer, err := s.Outside.SniffSCTP()
		must(t, err)
		must(t, s.Office.SendSCTP(7000, netip.MustParseAddrPort("8.8.8.8:3868")))
		if got, err := sniffer.Next(); err != nil || got.String() != "10.1.5.9:7000 > 8.8.8.8:3868" {
			t.Errorf("outside got %v, %v", got, err)
		}
	})
}

func TestServicePorts(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - name: everything
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [tcp/*, udp/*]
    mode: nat
    real_servers: [192.168.1.3, "fd05::3"]
  - name: range
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [tcp/8000-8099, udp/8000-8099]
    mode: nat
    real_servers: [192.168.1.2, "fd05::2"]
  - name: exact
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [tcp/8001, udp/8001]
    mode: nat
    real_servers: [192.168.1.1, "fd05::1"]
  - name: range-to-one-port
    vip: 203.0.113.11
    ports: tcp/1-100
    mode: fullnat
    laddrs: 192.168.2.9
    real_servers: 192.168.1.1:9999
  - name: all-to-one-port
    vip: 203.0.113.12
    ports: udp/*
    mode: fullnat
    laddrs: 192.168.2.8
    real_servers: 192.168.1.1:9999
  - name: beside
    vip: 8.8.8.8
    ports: tcp/80-81
    mode: nat
    real_servers: 192.168.1.2
`)
	s.check(t,
		packet{s.Office, "tcp 203.0.113.10:8001", "rs1 sees 10.1.5.9"},
		packet{s.Office, "udp 203.0.113.10:8001", "rs1 sees 10.1.5.9"},
		packet{s.Office, "tcp 203.0.113.10:8000", "rs2 sees 10.1.5.9"},
		packet{s.Office, "udp 203.0.113.10:8005", "rs2 sees 10.1.5.9"},
		packet{s.Office, "tcp 203.0.113.10:80", "rs3 sees 10.1.5.9"},
		packet{s.Office, "udp 203.0.113.10:9999", "rs3 sees 10.1.5.9"},
		packet{s.Guests, "tcp [2001:db8::10]:8001", "rs1 sees fd02::9"},
		packet{s.Guests, "udp [2001:db8::10]:8005", "rs2 sees fd02::9"},
		packet{s.Guests, "tcp [2001:db8::10]:443", "rs3 sees fd02::9"},
		packet{s.Guests, "tcp 203.0.113.11:1", "rs1 sees 192.168.2.9"},
		packet{s.Guests, "tcp 203.0.113.11:100", "rs1 sees 192.168.2.9"},
		packet{s.Guests, "udp 203.0.113.12:65535", "rs1 sees 192.168.2.8"},
		// A port beside the service's is not the service's: Outside owns 8.8.8.8.
		packet{s.Guests, "tcp 8.8.8.8:80", "rs2 sees 10.2.5.9"},
		packet{s.Guests, "tcp 8.8.8.8:53", "outside sees 10.2.5.9"},
		packet{s.Guests, "udp 8.8.8.8:80", "outside sees 10.2.5.9"},
	)
}

// A VIP may be an address of the gateway: the service takes its ports and no others.
func TestVIPOfTheGateway(t *testing.T) {
	s := startSite(t, "")
	must(t, s.Gateway.ServeTCP(":22"))
	s.start(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: everyone, from: [0.0.0.0/0, "::/0"], action: masquerade}
services:
  - {name: nat, vip: [192.0.2.2, "2001:db8:2::2"], ports: tcp/8080, mode: nat, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: fullnat, vip: 192.0.2.2, ports: tcp/8081, mode: fullnat, laddrs: 192.168.1.254, real_servers: 192.168.1.2:8080}
`)
	s.check(t,
		packet{s.Outside, "tcp 8.8.8.8 > 192.0.2.2:8080", "rs1 sees 8.8.8.8"},
		packet{s.Outside, "tcp 192.0.2.1 > 192.0.2.2:8080", "rs1 sees 192.0.2.1"},
		packet{s.Outside, "tcp [2001:db8:2::2]:8080", "rs1 sees 2001:db8:2::1"},
		packet{s.Office, "tcp 192.0.2.2:8080", "rs1 sees 10.1.5.9"},
		packet{s.Office, "tcp 192.0.2.2:8081", "rs2 sees 192.168.1.254"},
		packet{s.RS[1], "tcp 192.0.2.2:8081", "rs2 sees 192.168.1.254"},
		packet{s.Gateway, "tcp 192.0.2.2:8080", "rs1 sees 192.0.2.2"},
		packet{s.Gateway, "tcp 192.0.2.2:8081", "rs2 sees 192.168.1.254"},
		packet{s.Outside, "tcp 8.8.8.8 > 192.0.2.2:22", "gateway sees 8.8.8.8"},
		packet{s.Office, "tcp 192.0.2.2:22", "gateway sees 10.1.5.9"},
	)
}

func TestServiceSCTP(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - name: nat
    vip: 203.0.113.10
    ports: sctp/3868
    mode: nat
    real_servers: 192.168.1.1:3869
  - name: fullnat
    vip: 203.0.113.11
    ports: sctp/3868
    mode: fullnat
    laddrs: 192.168.2.9
    real_servers: 192.168.1.2
`)
	for _, c := range []struct {
		vip  string
		rs   int
		want string
	}{
		{"203.0.113.10:3868", 0, "10.1.5.9:7000 > 192.168.1.1:3869"},
		{"203.0.113.11:3868", 1, "192.168.2.9:7000 > 192.168.1.2:3868"},
	} {
		sniffer, err := s.RS[c.rs].SniffSCTP()
		must(t, err)
		must(t, s.Office.SendSCTP(7000, netip.MustParseAddrPort(c.vip)))
		if got, err := sniffer.Next(); err != nil || got.String() != c.want {
			t.Errorf("SCTP to %s: %s got %v, %v, want %s", c.vip, s.RS[c.rs].Name, got, err, c.want)
		}
	}
}

func TestServiceOnEmpty(t *testing.T) {
	// Outside owns the VIPs, so a passed connection reaches somebody.
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: guests, from: 10.2.0.0/16, laddrs: 198.51.100.7}
services:
  - {name: default, vip: [8.8.8.8, "2001:db8:8::8"], ports: [tcp/80, udp/80], mode: nat, real_servers: [{address: 192.168.1.1, weight: 0}, {address: "fd05::1", weight: 0}]}
  - {name: reject, vip: 203.0.113.1, ports: tcp/80, mode: nat, on_empty: reject, real_servers: []}
  - {name: drop, vip: 9.9.9.9, ports: [tcp/80, udp/80], mode: nat, on_empty: drop, real_servers: []}
  - {name: pass, vip: [8.8.8.8, "2001:db8:8::8"], ports: [tcp/53, udp/53], mode: nat, on_empty: pass, real_servers: []}
  - {name: range, vip: 9.9.9.9, ports: tcp/50-60, mode: fullnat, laddrs: 192.168.2.9, on_empty: pass, real_servers: []}
  - {name: one-family, vip: [203.0.113.2, "2001:db8::2"], ports: tcp/80, mode: nat, real_servers: [192.168.1.1]}
`)
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:80", "refused"},
		packet{s.Office, "udp 8.8.8.8:80", "refused"},
		packet{s.Office, "tcp [2001:db8:8::8]:80", "refused"},
		packet{s.Office, "udp [2001:db8:8::8]:80", "refused"},
		packet{s.Office, "tcp 203.0.113.1:80", "refused"},
		packet{s.Office, "tcp 9.9.9.9:80", "silent"},
		packet{s.Office, "udp 9.9.9.9:80", "silent"},
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 10.1.5.9"},
		packet{s.Office, "udp [2001:db8:8::8]:53", "outside sees fd01::9"},
		packet{s.Guests, "udp 8.8.8.8:53", "outside sees 198.51.100.7"},
		packet{s.Guests, "tcp 9.9.9.9:53", "outside sees 198.51.100.7"},
		packet{s.Office, "tcp 203.0.113.2:80", "rs1 sees 10.1.5.9"},
		packet{s.Office, "tcp [2001:db8::2]:80", "refused"},
	)
}
