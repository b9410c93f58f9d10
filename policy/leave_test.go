package policy_test

import (
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

const leaving = `version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: 192.0.2.254}
    isp2: {interface: wan1, gateway: 198.18.1.254}
laddrs:
  own: 203.0.113.0/28
zones:
  - {name: each, from: 10.1.0.0/16, uplink: [isp1, isp2], laddrs: {isp1: 192.0.2.10, isp2: 198.18.1.10}}
  - {name: shared, from: 10.2.0.0/16, uplink: [isp1, isp2], laddrs: own}
  - {name: masked, from: 10.3.0.0/16, uplink: [isp1, isp2], action: masquerade}
  - {name: routed, from: 10.4.0.0/16, uplink: [isp1, isp2], action: accept}
  - {name: one, from: 10.5.0.0/16, uplink: isp1, action: masquerade}
  - {name: spread, from: 10.6.0.0/16, uplink: balance, action: masquerade}
  - {name: phones, from: 10.7.0.0/16, iif: lan0, uplink: [isp2, isp1], laddrs: own}
  - {name: free, from: 10.8.0.0/16, action: masquerade}
`

// What becomes of connections through isp1 when it is down.
func TestLeave(t *testing.T) {
	p := parsed(t, leaving)
	down := p.With(policy.State{Uplinks: map[string]policy.UplinkState{"isp1": {Down: true}}})
	both := p.With(policy.State{Uplinks: map[string]policy.UplinkState{"isp1": {Down: true}, "isp2": {Down: true}}})
	for _, c := range []struct {
		name, from, laddr string
		p                 *policy.Policy
		want              string // "stays", "ends" or the uplink
	}{
		{"a laddr for each", "10.1.0.1:999", "192.0.2.10", down, "ends"},
		{"none is up", "10.1.0.1:999", "192.0.2.10", both, "stays"},
		{"a laddr for all", "10.2.0.1:999", "203.0.113.1", down, "isp2"},
		{"an earlier policy's laddr", "10.2.0.1:999", "192.0.2.77", down, "ends"},
		{"the interface's address", "10.3.0.1:999", "192.0.2.2", down, "ends"},
		{"its own address", "10.4.0.1:999", "", down, "isp2"},
		{"no other uplink", "10.5.0.1:999", "192.0.2.2", down, "stays"},
		{"balanced", "10.6.0.1:999", "192.0.2.2", down, "ends"},
		{"from an interface", "10.7.0.1:999", "203.0.113.1", down, "isp2"},
	} {
		l := policy.Leaving{Proto: inet.TCP, From: netip.MustParseAddrPort(c.from), To: netip.MustParseAddrPort("8.8.8.8:443"), Answered: true}
		if c.laddr != "" {
			l.Laddr = netip.MustParseAddr(c.laddr)
		}
		to, goes := c.p.Leave("isp1", l)
		got := to
		switch {
		case !goes:
			got = "stays"
		case to == "":
			got = "ends"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// Callers from outside, and zones without a choice: what is established stays.
	call := policy.Leaving{Proto: inet.TCP, From: netip.MustParseAddrPort("10.8.0.1:999"), To: netip.MustParseAddrPort("8.8.8.8:443"), Answered: true}
	if _, goes := down.Leave("isp1", call); goes {
		t.Error("an established connection that nobody chose a way for ends")
	}
	call.Answered = false
	if to, goes := down.Leave("isp1", call); !goes || to != "" {
		t.Error("one that was never answered stays")
	}
	if call.Proto, call.Answered = inet.UDP, true; true {
		if to, goes := down.Leave("isp1", call); !goes || to != "" {
			t.Error("one of UDP stays")
		}
	}
}
