package integration

import (
	"fmt"
	"net/netip"
	"testing"
)

// A subscriber's block is as much as it gets, for TCP and UDP each. What is beyond is dropped; what it has
// stays, and others do not notice (RFC 6888 REQ-4, REQ-11, REQ-13).
func TestBlocksAreQuotas(t *testing.T) {
	b := startBetween(t, `
version: 1
gateway: {uplinks: wan0, unmatched: drop}
laddrs:
  cgn: {addresses: 198.51.100.1, ports: 2000-2015, block: 4}
zones:
  - {name: homes, from: 10.1.0.0/30, laddrs: cgn}
`)
	for proto, packet := range first {
		have := map[uint16]string{}
		for port := 5000; port < 5004; port++ {
			from := fmt.Sprintf("10.1.0.1:%d", port)
			h := b.pass(lan, packet(from, "8.8.8.8:53"))
			if got := h.From.Port(); got < 2004 || got > 2007 || have[got] != "" {
				t.Errorf("%s leaves, and the block is 2004-2007; %v are in use", h, have)
			}
			have[h.From.Port()] = from
		}
		b.nothing(lan, packet("10.1.0.1:5004", "8.8.8.8:53"))
		for port, from := range have {
			b.want(lan, packet(from, "8.8.8.8:53"), fmt.Sprintf("wan0: %s 198.51.100.1:%d > 8.8.8.8:53", proto, port))
		}
		if h := b.pass(lan, packet("10.1.0.2:5000", "8.8.8.8:53")); h.From.Port() < 2008 || h.From.Port() > 2011 {
			t.Errorf("%s leaves, and the block is 2008-2011", h)
		}
	}
	// Numbers of queries are not bound by the block.
	for id := range uint16(6) {
		b.want(lan, echo("10.1.0.1", "8.8.8.8", 8, 100+id), "wan0: icmp 8/0 198.51.100.1 > 8.8.8.8")
	}
}

// Translation is off toward some destinations, or some of their ports (RFC 6888 REQ-6).
func TestTranslationOff(t *testing.T) {
	b := startBetween(t, `
version: 1
gateway: {uplinks: wan0, unmatched: drop}
zones:
  - {name: portal, from: 10.1.0.0/16, to: 7.7.7.7, ports: [tcp/443, udp/443], action: accept}
  - {name: everyone, from: 10.1.0.0/16, laddrs: 198.51.100.1, exclude: 9.9.9.0/24}
`)
	for proto, packet := range first {
		b.want(lan, packet("10.1.0.1:5000", "9.9.9.9:53"), "wan0: "+proto+" 10.1.0.1:5000 > 9.9.9.9:53")
		b.want(lan, packet("10.1.0.1:5000", "7.7.7.7:443"), "wan0: "+proto+" 10.1.0.1:5000 > 7.7.7.7:443")
		b.want(lan, packet("10.1.0.1:5000", "7.7.7.7:53"), "wan0: "+proto+" 198.51.100.1:5000 > 7.7.7.7:53")
	}
}

// A limit of connections bounds what one subscriber has, of each protocol apart where zones are
// (RFC 6888 REQ-4, REQ-4b, REQ-5).
func TestQuotasByProtocol(t *testing.T) {
	b := startBetween(t, `
version: 1
gateway: {uplinks: wan0, unmatched: drop}
zones:
  - {name: tcp, from: 10.1.0.0/16, ports: tcp/*, laddrs: 198.51.100.1, limits: {connections_per_client: 3}}
  - {name: udp, from: 10.1.0.0/16, ports: udp/*, laddrs: 198.51.100.1, limits: {connections_per_client: 5}}
  - {name: icmp, from: 10.1.0.0/16, ports: icmp, laddrs: 198.51.100.1, limits: {connections_per_client: 2}}
`)
	query := func(from, to string) []byte {
		return echo(at(from).Addr().String(), at(to).Addr().String(), 8, at(from).Port())
	}
	for proto, c := range map[string]struct {
		packet func(from, to string) []byte
		most   int
	}{"tcp": {syn, 3}, "udp": {datagram, 5}, "icmp": {query, 2}} {
		for i := range c.most {
			if h := b.pass(lan, c.packet(fmt.Sprintf("10.1.0.1:%d", 5000+i), "8.8.8.8:53")); h.From.Addr() != netip.MustParseAddr("198.51.100.1") {
				t.Errorf("%s: %s leaves", proto, h)
			}
		}
		b.nothing(lan, c.packet("10.1.0.1:6000", "8.8.8.8:53"))
		b.pass(lan, c.packet("10.1.0.2:5000", "9.9.9.9:53"))
	}
}
