package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A policy of some thousand objects spans many netlink messages. The table must still be
// the one that nft makes, a small change a small difference, and packets find their way. It outgrows its maps,
// which goes unnoticed: connections live, and services go on counting.
func TestLargePolicy(t *testing.T) {
	services := 3000
	policy := func(lastServer int) string {
		var b strings.Builder
		b.WriteString("version: 1\ngateway: {uplinks: [wan0, wan1]}\nzones:\n")
		for i := range 2000 {
			fmt.Fprintf(&b, "  - {name: z%d, from: [10.%d.%d.0/24, \"fd01:%x::/64\"], laddrs: [198.51.%d.%d, \"2001:db8:99::%x\"]}\n", i, 1+i/250, i%250, i, i/250, i%250+1, i)
		}
		b.WriteString("services:\n")
		for i := range services {
			last := 2
			if i == 2999 {
				last = lastServer
			}
			fmt.Fprintf(&b, "  - {name: s%d, vip: [203.0.%d.%d, \"2001:db8:1::%x\"], ports: [tcp/80], mode: nat, real_servers: [192.168.1.1, 192.168.1.%d, \"fd05::1\"]}\n", i, i/250, i%250+1, i, last)
		}
		return b.String()
	}
	s := startSite(t, policy(2))
	wantDiff(t, s.Gateway, policy(2), 0)
	loaded := nstest.NewHost(t, "loaded")
	r, err := loaded.RunInput(context.Background(), snatctl(t, loaded, policy(2), "compile").Stdout, "nft", "-f", "-")
	must(t, err)
	if r.Code != 0 {
		t.Fatalf("nft -f refuses the script: %.2000s", r.Stderr)
	}
	if ours, theirs := list(t, s.Gateway), list(t, loaded); ours != theirs {
		t.Errorf("apply and nft make different tables of %d and %d bytes", len(ours), len(theirs))
	}
	d := diffJSON(t, s.Gateway, policy(3), 1)
	if n := d.Elements.Add + d.Elements.Delete; n > 4 || d.Rules.Add+d.Rules.Delete != 0 {
		t.Errorf("a change of one real server among 3,000 services moves elements %+v and rules %+v", d.Elements, d.Rules)
	}
	apply(t, s.Gateway, policy(3))
	wantDiff(t, s.Gateway, policy(3), 0)
	s.check(t,
		packet{s.Office, "udp 10.1.200.7 > 8.8.8.8:53", "outside sees 198.51.0.201"},
		packet{s.Office, "tcp 203.0.11.250:80", "rs1 sees 10.1.5.9 | rs3 sees 10.1.5.9"},
		packet{s.Office, "tcp 203.0.11.249:80", "rs1 sees 10.1.5.9 | rs2 sees 10.1.5.9"},
		packet{s.Office, "tcp [2001:db8:1::bb7]:80", "rs1 sees fd01::9"},
	)
	counted := func() (n uint64) {
		t.Helper()
		var status struct {
			Services []struct {
				Name string
				New  uint64 `json:"new_connections"`
			}
		}
		must(t, json.Unmarshal([]byte(prints(t, s.Gateway, "status", "--format", "json")), &status))
		for _, of := range status.Services {
			if of.Name == "s2999" {
				n = of.New
			}
		}
		return n
	}
	if n := counted(); n != 2 {
		t.Errorf("service s2999 has had 2 new connections, and counts %d", n)
	}
	held, err := s.Office.Hold("10.1.5.9:0", "203.0.11.250:80")
	must(t, err)
	services = 7000
	front := func() string {
		t.Helper()
		return output(t, s.Gateway, "nft", "-t", "list", "map", "inet", "snatctl", "services4")
	}
	before := front()
	apply(t, s.Gateway, policy(3))
	wantDiff(t, s.Gateway, policy(3), 0)
	if after := front(); !strings.Contains(before, "size 6144\n") || !strings.Contains(after, "size 12288\n") {
		t.Errorf("services4 has not been outgrown:\n%s\n%s", before, after)
	}
	must(t, held.Alive(nstest.Patience))
	if n := counted(); n != 3 {
		t.Errorf("service s2999 has had 3 new connections, and counts %d", n)
	}
	s.check(t, packet{s.Office, "tcp 203.0.27.250:80", "rs1 sees 10.1.5.9 | rs2 sees 10.1.5.9"})
}
