package integration

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// leftOf returns how many seconds conntrack gives a flow that leads to an address, and its state.
func leftOf(t testing.TB, h *nstest.Host, proto, to string) (seconds int, state string) {
	t.Helper()
	flows, err := h.Flows(context.Background())
	must(t, err)
	for _, f := range flows {
		if f.Proto == proto && (f.Orig.Dst.String() == to || f.Orig.Dst.Addr().String() == to) {
			seconds, err = strconv.Atoi(strings.Fields(f.Raw)[4])
			must(t, err)
			return seconds, f.State
		}
	}
	t.Fatalf("there is no %s flow to %s:\n%v", proto, to, flows)
	return 0, ""
}

// wantLeft waits until a flow has about so many seconds: what passed since its last packet may be missing.
func wantLeft(t testing.TB, h *nstest.Host, proto, to string, want int) {
	t.Helper()
	const slack = 25 // seconds of a slow machine
	if got, state := leftOf(t, h, proto, to); got > want || got < want-slack {
		t.Errorf("the %s flow to %s has %d s in state %q, want %d", proto, to, got, state, want)
	}
}

// A flow has the timeouts of its zone or service, else the gateway's, from its first packet on.
func TestTimeouts(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1], timeouts: rfc}
zones:
  - {name: mail, from: [10.1.0.0/16, "fd01::/16"], to: [9.9.9.9, "2001:db8:9::9"], action: masquerade, timeouts: {udp: 200s, tcp_established: 2000s, tcp_syn_sent: 180s}}
  - {name: office, from: [10.1.0.0/16, "fd01::/16"], action: masquerade}
  - {name: guests, from: [10.2.0.0/16, "fd02::/16"], action: masquerade, timeouts: {udp: 60s, udp_stream: 90s, tcp_established: 900s}}
services:
  - {name: nat, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], real_servers: [192.168.1.1, "fd05::1"], timeouts: {udp: 100s, tcp_established: 400s}}
  - {name: range, vip: [203.0.113.2, "2001:db8::2"], ports: ["tcp/8000-8100", "udp/8000-8100"], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: [192.168.1.2, "fd05::2"], timeouts: {udp: 150s, tcp_established: 500s}}
  - {name: plain, vip: [203.0.113.3, "2001:db8::3"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"]}
`)
	for _, c := range []struct {
		from    *nstest.Host
		proto   string
		to      string
		seconds int
	}{
		{s.Office, "udp", "8.8.8.8:53", 300}, {s.Office, "udp", "[2001:db8:8::8]:53", 300},
		{s.Office, "tcp", "8.8.8.8:53", 7440}, {s.Office, "tcp", "[2001:db8:8::8]:53", 7440},
		{s.Office, "udp", "9.9.9.9:53", 200}, {s.Office, "udp", "[2001:db8:9::9]:53", 200},
		{s.Office, "tcp", "9.9.9.9:53", 2000}, {s.Office, "tcp", "[2001:db8:9::9]:53", 2000},
		{s.Guests, "udp", "8.8.8.8:80", 60}, {s.Guests, "udp", "[2001:db8:8::8]:80", 60},
		{s.Guests, "tcp", "8.8.8.8:80", 900}, {s.Guests, "tcp", "[2001:db8:8::8]:80", 900},
		{s.Outside, "tcp", "203.0.113.1:80", 400}, {s.Outside, "tcp", "[2001:db8::1]:80", 400},
		{s.Outside, "udp", "203.0.113.1:80", 100}, {s.Outside, "udp", "[2001:db8::1]:80", 100},
		{s.Office, "tcp", "203.0.113.2:8005", 500}, {s.Office, "tcp", "[2001:db8::2]:8005", 500},
		{s.Office, "udp", "203.0.113.2:8005", 150}, {s.Office, "udp", "[2001:db8::2]:8005", 150},
		{s.Guests, "tcp", "203.0.113.3:80", 7440},
		{s.Gateway, "tcp", "192.168.1.3:80", 7440}, // its own
	} {
		must(t, s.Gateway.FlushFlows(context.Background()))
		conn, err := c.from.Dial(c.proto, "", c.to)
		must(t, err)
		_, err = nstest.AskOn(conn)
		must(t, err)
		wantLeft(t, s.Gateway, c.proto, c.to, c.seconds)
		conn.Close()
	}
	for _, to := range []string{"8.8.8.8", "2001:db8:8::8"} {
		must(t, s.Office.Ping(context.Background(), "", to))
		proto := "icmp"
		if strings.Contains(to, ":") {
			proto = "icmpv6"
		}
		wantLeft(t, s.Gateway, proto, to, 60)
	}

	// What nobody answers: the first packet alone.
	nft(t, s.Outside, "table inet mute { chain in { type filter hook input priority 0; meta l4proto { tcp, udp } th dport 4444 drop; }; }")
	for _, c := range []struct {
		from      *nstest.Host
		proto, to string
		seconds   int
	}{
		{s.Office, "udp", "8.8.8.8:4444", 300},
		{s.Guests, "udp", "8.8.8.8:4444", 60},
		{s.Office, "tcp", "9.9.9.9:4444", 180},
	} {
		must(t, s.Gateway.FlushFlows(context.Background()))
		go func() {
			if conn, err := c.from.DialWithin(10*time.Second, c.proto, "", c.to); err == nil {
				_, _ = conn.Write([]byte("x"))
				conn.Close()
			}
		}()
		for deadline := time.Now().Add(nstest.Patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if strings.Contains(output(t, s.Gateway, "conntrack", "-L"), "dport=4444") {
				break
			}
		}
		wantLeft(t, s.Gateway, c.proto, c.to, c.seconds)
	}
}

// A flow keeps the timeouts that it began with, whatever becomes of the policy; a new one has the new ones.
func TestTimeoutsStay(t *testing.T) {
	policy := func(gateway, zone string) string {
		return `
version: 1
gateway: {uplinks: [wan0, wan1]` + gateway + `}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade` + zone + `}
`
	}
	first := policy(", timeouts: {udp: 200s, udp_stream: 200s}", ", timeouts: {tcp_established: 3000s}")
	s := startSite(t, first)
	udp, err := s.Office.Dial("udp", "", "8.8.8.8:53")
	must(t, err)
	defer udp.Close()
	speak := func(c net.Conn) {
		t.Helper()
		_, err := nstest.AskOn(c)
		must(t, err)
	}
	hold := func(when string) {
		t.Helper()
		speak(udp)
		if got, _ := leftOf(t, s.Gateway, "udp", "8.8.8.8:53"); got > 200 || got < 175 {
			t.Errorf("%s: the UDP flow has %d s, want 200", when, got)
		}
	}
	hold("at first")
	for _, c := range []struct{ when, policy string }{
		{"the same again", first},
		{"another zone's timeouts", policy(", timeouts: {udp: 200s, udp_stream: 200s}", "")},
		{"others", policy(", timeouts: rfc", "")},
		{"none", policy("", "")},
		{"back", first},
	} {
		apply(t, s.Gateway, c.policy)
		hold(c.when)
		wantDiff(t, s.Gateway, c.policy, 0)
	}
	apply(t, s.Gateway, policy(", timeouts: {udp: 77s}", ""))
	other, err := s.Office.Dial("udp", "", "9.9.9.9:53")
	must(t, err)
	defer other.Close()
	speak(other)
	wantLeft(t, s.Gateway, "udp", "9.9.9.9:53", 77)
	hold("beside a new flow")
}
