package integration

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

const icmpPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  apart: [198.51.100.1, 198.51.100.3, "2001:db8:99::1", "2001:db8:99::3"]
  ports: {addresses: [198.51.100.9, "2001:db8:99::9"], ports: 40000-40999}
  ports-apart: {addresses: [198.51.100.11, 198.51.100.13, "2001:db8:99::b", "2001:db8:99::d"], ports: 40000-40999}
zones:
  - {name: range, from: [10.1.200.0/24, "fd01::8000:0:0:0/112"], laddrs: [198.51.100.16/30, "2001:db8:99::10/126"]}
  - {name: apart, from: [10.1.201.0/24, "fd01::8000:0:1:0/112"], laddrs: apart}
  - {name: ports, from: [10.1.202.0/24, "fd01::8000:0:2:0/112"], laddrs: ports}
  - {name: ports-apart, from: [10.1.203.0/24, "fd01::8000:0:3:0/112"], laddrs: ports-apart}
  - {name: masquerade, from: [10.1.204.0/24, "fd01::8000:0:4:0/112"], action: masquerade}
  - {name: accept, from: [10.1.205.0/24, "fd01::8000:0:5:0/112"], action: accept}
  - {name: drop, from: [10.1.206.0/24, "fd01::8000:0:6:0/112"], action: drop}
  - {name: reject, from: [10.1.207.0/24, "fd01::8000:0:7:0/112"], action: reject}
services:
  - {name: nat, vip: [203.0.113.1, "2001:db8::1"], ports: udp/1-9, mode: nat, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: fullnat, vip: [203.0.113.2, "2001:db8::2"], ports: udp/7, mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: ["192.168.1.1:7777", "[fd05::1]:7777"]}
`

// passing4 and passing6 hold a source of each zone of icmpPolicy that lets packets pass.
var passing4 = []string{"10.1.200.7", "10.1.201.7", "10.1.202.7", "10.1.203.7", "10.1.204.7", "10.1.205.7"}
var passing6 = []string{"fd01::8000:0:0:7", "fd01::8000:0:1:7", "fd01::8000:0:2:7", "fd01::8000:0:3:7", "fd01::8000:0:4:7", "fd01::8000:0:5:7"}

func TestPing(t *testing.T) {
	s := startSite(t, icmpPolicy)
	ctx := context.Background()
	for i, src4 := range passing4 {
		for _, c := range [][2]string{{src4, "8.8.8.8"}, {src4, "9.9.9.9"}, {passing6[i], "2001:db8:8::8"}, {passing6[i], "2001:db8:9::9"}} {
			if err := s.Office.Ping(ctx, c[0], c[1]); err != nil {
				t.Errorf("%s: %v", c[0], err)
			}
			translated := 0
			flows, err := s.Gateway.Flows(ctx)
			must(t, err)
			for _, f := range flows {
				if f.Orig.Src.Addr() == netip.MustParseAddr(c[0]) && f.Orig.Dst.Addr() == netip.MustParseAddr(c[1]) && f.SNAT() {
					translated++
				}
			}
			if want := map[bool]int{true: 0, false: 1}[i == 5]; translated != want {
				t.Errorf("ping from %s to %s: %d translated flows, want %d", c[0], c[1], translated, want)
			}
		}
	}
	for _, src := range []string{"10.1.206.7", "10.1.207.7"} {
		if s.Office.Ping(ctx, src, "8.8.8.8") == nil {
			t.Errorf("a ping from %s passes", src)
		}
	}
	for _, src := range []string{"fd01::8000:0:6:7", "fd01::8000:0:7:7"} {
		if s.Office.Ping(ctx, src, "2001:db8:8::8") == nil {
			t.Errorf("a ping from %s passes", src)
		}
	}
	// Refused zones may still ping the inside.
	must(t, s.Office.Ping(ctx, "10.1.206.7", "192.168.1.1"))
}

// ICMP errors find the way back to the source that they concern, and name what it called.
func TestICMPErrors(t *testing.T) {
	s := startSite(t, icmpPolicy)
	type probe struct {
		src, dst string
		ttl      int
		from     string
		typ      uint8
	}
	var probes []probe
	for i, src4 := range passing4 {
		src6 := passing6[i]
		probes = append(probes,
			probe{src4, "8.8.8.8:99", 9, "8.8.8.8", nstest.Unreachable4},
			probe{src4, "8.1.0.1:99", 2, "192.0.2.1", nstest.TimeExceeded4},
			probe{src4, "8.1.0.1:99", 1, "10.1.0.1", nstest.TimeExceeded4},
			probe{src6, "[2001:db8:8::8]:99", 9, "2001:db8:8::8", nstest.Unreachable6},
			probe{src6, "[2001:db8:81::8]:99", 2, "2001:db8:2::1", nstest.TimeExceeded6},
		)
	}
	probes = append(probes,
		// The gateway's own refusal.
		probe{"10.1.207.7", "8.8.8.8:53", 9, "10.1.0.1", nstest.Unreachable4},
		probe{"fd01::8000:0:7:7", "[2001:db8:8::8]:53", 9, "fd01::1", nstest.Unreachable6},
		// A real server's, in the VIP's name: port 7 is closed there.
		probe{"", "203.0.113.1:7", 9, "203.0.113.1", nstest.Unreachable4},
		probe{"", "203.0.113.2:7", 9, "203.0.113.2", nstest.Unreachable4},
		probe{"", "[2001:db8::1]:7", 9, "2001:db8::1", nstest.Unreachable6},
		probe{"", "[2001:db8::2]:7", 9, "2001:db8::2", nstest.Unreachable6},
	)
	for _, p := range probes {
		got, err := s.Office.Probe(p.src, p.dst, p.ttl)
		if err != nil || got.From != netip.MustParseAddr(p.from) || got.Type != p.typ {
			t.Errorf("from %q to %s with TTL %d: %+v, %v, want type %d from %s", p.src, p.dst, p.ttl, got, err, p.typ, p.from)
		}
	}
	// A dropped packet draws none.
	if got, err := s.Office.Probe("10.1.206.7", "8.8.8.8:99", 9); !errors.Is(err, nstest.ErrSilent) {
		t.Errorf("a dropped packet draws %+v, %v", got, err)
	}
}
