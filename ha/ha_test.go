package ha

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

const pairPolicy = `version: 1
laddrs: {office: 198.51.100.1-198.51.100.3, inside: 192.168.2.9}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office, helpers: [ftp, tftp]}
  - {name: guests, from: 10.2.0.0/16, action: masquerade}
services:
  - {name: web, vip: [203.0.113.1, "2001:db8::1"], ports: tcp/80, mode: nat, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: sip, vip: 203.0.113.1, ports: udp/5060, mode: nat, helpers: [sip], real_servers: [192.168.1.1]}
`

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if p == nil {
		t.Fatal(ds)
	}
	return p
}

// ends are those of the first node.
func ends(iface, own, peer string) Ends {
	return Ends{iface, netip.MustParseAddr(own), netip.MustParseAddr(peer)}
}

func TestConfigurations(t *testing.T) {
	p := parse(t, pairPolicy)
	given := []Moving{{"wan0", netip.MustParsePrefix("2001:db8::ff/64")}, {"wan0", netip.MustParsePrefix("203.0.113.254/24")}, {"lan0", netip.MustParsePrefix("10.1.0.1/16")}, {"wan0", netip.MustParsePrefix("203.0.113.1/24")}}
	moving, err := Addresses(p, "wan0", "wan0", given)
	if err != nil {
		t.Fatal(err)
	}
	v := VRRP{Node: "gw1", Ends: ends("wan0", "203.0.113.2", "203.0.113.3"), ID: 51, Priority: 150, Interval: 300 * time.Millisecond, Moving: moving, Notify: "/usr/bin/snatctl ha notify"}
	golden.Text(t, "testdata/keepalived.conf", []byte(v.Keepalived()))
	helpers, unknown := Helpers(p)
	if !slices.Equal(unknown, []string{"tftp"}) {
		t.Errorf("does not know %q, want tftp alone", unknown)
	}
	s := Sync{Node: "gw1", Ends: ends("sync0", "172.31.0.1", "172.31.0.2"), Ignored: []netip.Addr{netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("172.31.0.2")}, Flows: 262144, Helpers: helpers}
	golden.Text(t, "testdata/conntrackd.conf", []byte(s.Conntrackd()))
	if w := Warnings(p); len(w) != 1 || !strings.HasPrefix(w[0], "zone guests masquerades") {
		t.Errorf("warns of %q", w)
	}
}

func TestTooManyMove(t *testing.T) {
	p := parse(t, "version: 1\nladdrs: {many: 10.9.0.0/16}\nzones: [{name: office, from: 10.1.0.0/16, laddrs: many}]\n")
	if all, err := Addresses(p, "", "", nil); err != nil || len(all) != 0 {
		t.Errorf("%d addresses move, %v; want none", len(all), err)
	}
	if _, err := Addresses(p, "wan0", "wan0", nil); err == nil || !strings.Contains(err.Error(), "route them") {
		t.Errorf("65,536 addresses move: %v", err)
	}
}

// The gate is closed before anything else, and open before anything that may take long.
func TestSteps(t *testing.T) {
	for _, c := range []struct {
		role Role
		sync bool
		want string
	}{
		{Backup, true, "close the gate; forget flows [-t]; ask the peer [-n]"},
		{Fault, true, "close the gate; forget flows [-t]"},
		{Fault, false, "close the gate"},
		{Primary, true, "close the gate; commit flows [-c] within 5s; sticky clients within 5s; open the gate; cleanup; hand flows on [-f] unless commit flows failed; hand flows on [-R]; hand flows on [-B]"},
		{Primary, false, "close the gate; sticky clients within 5s; open the gate; cleanup"},
	} {
		var said []string
		for _, s := range Steps(c.role, c.sync, Limits{}) {
			text := string(s.Do)
			if s.Args != nil {
				text += fmt.Sprintf(" %v", s.Args)
			}
			if s.Limit > 0 && s.Limit < 30*time.Second {
				text += " within " + s.Limit.String()
			}
			if s.After != "" {
				text += " unless " + string(s.After) + " failed"
			}
			said = append(said, text)
		}
		if got := strings.Join(said, "; "); got != c.want {
			t.Errorf("%s, sync %v:\n%s\nwant\n%s", c.role, c.sync, got, c.want)
		}
	}
}
