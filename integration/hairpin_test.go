package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// hairpinPolicy has a NAT service of each kind of ports, with hairpins as the arguments say, and
// one without beside them.
const hairpinPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: servers, from: [192.168.1.0/24, "fd05::/64"], action: masquerade}
services:
  - {name: exact, vip: [203.0.113.10, "2001:db8::10"], ports: [tcp/80, udp/80], %[1]s real_servers: [192.168.1.1, "fd05::1"]}
  - {name: ported, vip: [203.0.113.11, "2001:db8::11"], ports: [tcp/80, udp/80], %[1]s real_servers: ["192.168.1.1:8080", "[fd05::1]:8080"]}
  - {name: range, vip: [203.0.113.12, "2001:db8::12"], ports: [tcp/8000-8099, udp/8000-8099], %[1]s real_servers: [192.168.1.1, "fd05::1"]}
  - {name: all, vip: [203.0.113.13, "2001:db8::13"], ports: [tcp/*, udp/*], %[1]s real_servers: [192.168.1.1, "fd05::1"]}
  - {name: sticky, vip: [203.0.113.14, "2001:db8::14"], ports: [tcp/80, udp/80], persistence: 60s, %[1]s real_servers: [192.168.1.1, "fd05::1"]}
  - {name: guarded, vip: [203.0.113.15, "2001:db8::15"], ports: [tcp/80, udp/80], deny: [192.168.1.2, "fd05::2"], %[1]s real_servers: [192.168.1.1, "fd05::1"]}
  - {name: without, vip: [203.0.113.10, "2001:db8::10"], ports: [tcp/443, udp/443], real_servers: [192.168.1.1, "fd05::1"]}
`

// hairpinCalls are calls of each service with a hairpin, less the protocol.
var hairpinCalls = []string{"203.0.113.10:80", "203.0.113.11:80", "203.0.113.12:8005", "203.0.113.13:9999", "203.0.113.14:80", "203.0.113.15:80",
	"[2001:db8::10]:80", "[2001:db8::11]:80", "[2001:db8::12]:8005", "[2001:db8::13]:9999", "[2001:db8::14]:80", "[2001:db8::15]:80"}

// Who calls a NAT service from the real servers' own network gets an answer if a hairpin holds it,
// and none if not. Nobody else is shown to the real servers as another.
func TestServiceHairpin(t *testing.T) {
	s := startSite(t, "")
	rs1, rs2 := s.RS[0], s.RS[1]
	// Some real servers get answers, of all services; the others get none, though their connections
	// are sent on.
	try := func(t *testing.T, answered ...*nstest.Host) {
		t.Helper()
		for _, from := range []*nstest.Host{rs1, rs2} {
			for _, to := range hairpinCalls {
				for _, proto := range []string{"tcp", "udp"} {
					call, seen := proto+" "+to, "rs1 sees 192.168.1.254"
					if strings.HasPrefix(to, "[") {
						seen = "rs1 sees fd05::fe"
					}
					denied := from == rs2 && strings.Contains(to, "15")
					if slices.Contains(answered, from) && !denied {
						s.check(t, packet{from, call, seen})
					} else if got := s.send(t, nstest.Silence/10, from, call); !strings.HasPrefix(got, "silent") || denied && got != "silent" {
						t.Errorf("%s: %s: got %q", from.Name, call, got)
					}
				}
			}
		}
		s.check(t,
			packet{s.Office, "tcp 203.0.113.10:80", "rs1 sees 10.1.5.9"},
			packet{s.Office, "udp [2001:db8::13]:9999", "rs1 sees fd01::9"},
			packet{s.Outside, "tcp 8.8.8.8 > 203.0.113.12:8005", "rs1 sees 8.8.8.8"},
			packet{rs1, "tcp 8.8.8.8:80", "outside sees 192.0.2.2"}, // by its zone
		)
		for _, call := range []string{"tcp 203.0.113.10:443", "udp [2001:db8::10]:443"} {
			if got := s.send(t, nstest.Silence/10, rs1, call); !strings.HasPrefix(got, "silent") || strings.Contains(got, "192.168.1.254") || strings.Contains(got, "fd05::fe") {
				t.Errorf("a service without hairpin: %s: got %q", call, got)
			}
		}
	}
	t.Run("without", func(t *testing.T) {
		s.start(t, fmt.Sprintf(hairpinPolicy, ""))
		try(t)
	})
	t.Run("real servers", func(t *testing.T) {
		s.start(t, fmt.Sprintf(hairpinPolicy, "hairpin: true,"))
		try(t, rs1)
	})
	t.Run("their network", func(t *testing.T) {
		s.start(t, fmt.Sprintf(hairpinPolicy, `hairpin: [192.168.1.0/24, "fd05::/64"],`))
		try(t, rs1, rs2)
	})
	t.Run("a neighbour alone", func(t *testing.T) {
		s.start(t, fmt.Sprintf(hairpinPolicy, `hairpin: [192.168.1.2, "fd05::2"],`))
		try(t, rs2)
	})
	t.Run("turns among the real servers themselves", func(t *testing.T) {
		s.start(t, `
version: 1
services:
  - {name: web, vip: [203.0.113.10, "2001:db8::10"], ports: tcp/80, hairpin: true, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3, "fd05::1", "fd05::2"]}
`)
		var seen []string
		for range 3 {
			seen = append(seen, s.send(t, nstest.Patience, rs1, "tcp 203.0.113.10:80"))
		}
		slices.Sort(seen)
		if want := []string{"rs1 sees 192.168.1.254", "rs2 sees 192.168.1.254", "rs3 sees 192.168.1.254"}; !slices.Equal(seen, want) {
			t.Errorf("three calls of rs1: %q, want %q", seen, want)
		}
		s.check(t, packet{rs2, "tcp [2001:db8::10]:80", "rs1 sees fd05::fe | rs2 sees fd05::fe"})
	})
}

// Flows of a hairpin are their service's and contradict nothing, until it goes, or holds the
// caller no more.
func TestServiceHairpinFlows(t *testing.T) {
	policy := func(hairpin string) string {
		return "version: 1\nservices:\n  - {name: web, vip: [203.0.113.10, \"2001:db8::10\"], ports: [tcp/80, udp/80]" + hairpin + ", real_servers: [192.168.1.1, 192.168.1.2, \"fd05::1\"]}\n"
	}
	s := startSite(t, policy(", hairpin: true"))
	var ends []nstest.Tuple
	for _, c := range []string{"tcp 192.168.1.1:7001 > 203.0.113.10:80", "udp 192.168.1.1:7002 > 203.0.113.10:80", "udp [fd05::1]:7003 > [2001:db8::10]:80"} {
		a, orig, err := ask(s.RS[0], c)
		must(t, err)
		ends = append(ends, orig)
		if f := s.flow(t, orig); f == nil || f.Reply.Dst != a.Peer || f.Orig.Src == a.Peer {
			t.Fatalf("%s: conntrack has %+v, the real server saw %s", c, f, a.Peer)
		}
	}
	_, stays, err := ask(s.Office, "udp 10.1.5.9:7004 > 203.0.113.10:80")
	must(t, err)
	for _, r := range decodeFlows(t, prints(t, s.Gateway, "flows", "--format", "json")) {
		text := r.String()
		if !strings.Contains(text, "service web, zone -, real server ") || strings.Contains(text, "10.1.5.9") != strings.HasSuffix(text, "laddr -") {
			t.Errorf("flows says %s", text)
		}
	}
	if out := prints(t, s.Gateway, "flows", "--past"); strings.Contains(out, "203.0.113.10") {
		t.Errorf("flows --past lists\n%s", out)
	}
	wantDiff(t, s.Gateway, policy(", hairpin: true"), 0)
	apply(t, s.Gateway, policy(`, hairpin: [192.168.1.0/24, "fd05::/64"]`)) // holds them all, too
	for _, orig := range ends {
		if s.flow(t, orig) == nil {
			t.Errorf("%s was ended, and the hairpin holds its caller", orig)
		}
	}
	apply(t, s.Gateway, policy(", hairpin: [192.168.1.2, 192.168.1.1]")) // no IPv6 any more
	if s.flow(t, ends[2]) != nil || s.flow(t, ends[0]) == nil || s.flow(t, ends[1]) == nil {
		t.Error("a hairpin that loses IPv6 must end the flow of fd05::1 alone")
	}
	r := wantDiff(t, s.Gateway, policy(""), 1)
	if !strings.Contains(r.Stdout, "hairpin for 192.168.1.1-192.168.1.2 → no hairpin") && !strings.Contains(r.Stdout, "~ service web: hairpin") ||
		!strings.Contains(r.Stdout, "its hairpin no longer holds 192.168.1.1") {
		t.Errorf("diff says\n%s", r.Stdout)
	}
	apply(t, s.Gateway, policy(""))
	for _, orig := range ends {
		if f := s.flow(t, orig); f != nil && f.Reply.Dst.Addr() == netip.MustParseAddr("192.168.1.254") {
			t.Errorf("%s goes on without a hairpin", f.Raw)
		}
	}
	if s.flow(t, stays) == nil {
		t.Error("the office's flow was ended, which no hairpin held")
	}
}
