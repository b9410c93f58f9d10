package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft/nftlink"
)

const counted = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: mail, from: 10.1.0.0/16, ports: udp/53, laddrs: 198.51.100.40}
  - {name: blocked, from: 10.1.200.0/24, to: 9.9.9.0/24, action: drop}
  - {name: refused, from: 10.1.200.0/24, ports: tcp/80, action: reject}
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1-198.51.100.2}
  - {name: guests, from: 10.2.0.0/16, laddrs: [198.51.100.10, 198.51.100.12], exclude: 9.9.9.0/24}
  - {name: lab, from: 10.66.0.0/16, action: drop}
services:
  - {name: turns, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: nat,
     real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3, "fd05::1"]}
  - {name: kept, vip: [203.0.113.2, "2001:db8::2"], ports: [tcp/80, tcp/8000-8009], mode: nat, scheduler: wrr, persistence: 300s,
     real_servers: [{address: 192.168.1.1, weight: 2}, 192.168.1.2, "fd05::1", "fd05::2"]}
  - {name: sent, vip: 203.0.113.3, ports: tcp/*, mode: fullnat, laddrs: 192.168.2.250, persistence: 300s,
     real_servers: ["192.168.1.1:8080", "192.168.1.2:8080"]}
  - {name: few, vip: 203.0.113.4, ports: udp/80, mode: nat, allow: 10.1.5.9, real_servers: 192.168.1.1}
`

// tally is how many new connections each object got: "zone lab", "service web", "web rs1 v4".
type tally map[string]uint64

// The counters in the table count what happened, and a change elsewhere leaves them.
func TestCounters(t *testing.T) {
	s := startSite(t, counted)
	want := tally{}
	zone := func(name string, n int, h *nstest.Host, network, from, to string) {
		t.Helper()
		for range n {
			_, err := h.Ask(network, from, to)
			must(t, err)
		}
		want["zone "+name] += uint64(n)
	}
	service := func(name string, n int, h *nstest.Host, network, from, to string) {
		t.Helper()
		for range n {
			a, err := h.Ask(network, from, to)
			must(t, err)
			family := "v4"
			if to[0] == '[' {
				family = "v6"
			}
			want[name+" "+a.Host+" "+family]++
		}
		want["service "+name] += uint64(n)
	}
	lost := func(object string, n int, h *nstest.Host, from, to string) {
		t.Helper()
		for range n {
			c, err := h.Dial("udp", from, to)
			must(t, err)
			_, err = c.Write([]byte("lost\n"))
			must(t, err)
			must(t, c.Close())
		}
		if object != "" {
			want[object] += uint64(n)
		}
	}
	zone("office", 7, s.Office, "tcp", "", "8.8.8.8:80")
	zone("office", 2, s.Office, "udp", "", "8.8.8.8:80")
	zone("mail", 4, s.Office, "udp", "", "8.8.8.8:53")
	zone("guests", 5, s.Guests, "tcp", "", "8.8.8.8:80")
	_, err := s.Guests.Ask("tcp", "", "9.9.9.9:80") // excluded: no zone counts it
	must(t, err)
	lost("zone blocked", 3, s.Office, "10.1.200.7", "9.9.9.9:80")
	lost("zone lab", 6, s.Lab, "", "8.8.8.8:80")
	if _, err := s.Office.Ask("tcp", "10.1.200.7", "8.8.8.8:80"); err == nil {
		t.Error("zone refused does not reject")
	}
	want["zone refused"]++
	service("turns", 4, s.Office, "tcp", "", "203.0.113.1:80")
	service("turns", 3, s.Guests, "udp", "", "203.0.113.1:80")
	service("turns", 2, s.Office, "tcp", "", "[2001:db8::1]:80")
	for _, from := range []string{"10.1.200.1", "10.1.200.2", "10.1.200.3", "10.1.200.4"} {
		service("kept", 3, s.Office, "tcp", from, "203.0.113.2:80")
		service("kept", 2, s.Office, "tcp", from, "203.0.113.2:8001")
		service("sent", 3, s.Office, "tcp", from, "203.0.113.3:80")
	}
	service("kept", 3, s.Office, "tcp", "", "[2001:db8::2]:80")
	service("few", 2, s.Office, "udp", "", "203.0.113.4:80")
	lost("", 2, s.Guests, "", "203.0.113.4:80")

	s.counts(t, want)
	apply(t, s.Gateway, counted+"  - {name: more, vip: 203.0.113.9, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}\n")
	s.counts(t, want)
}

// counts waits until the live table says what is wanted: lost packets tell nobody that they
// have arrived.
func (s *site) counts(t *testing.T, want tally) {
	t.Helper()
	var diff string
	for end := time.Now().Add(nstest.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if diff = gocmp.Diff(want, s.tally(t)); diff == "" {
			return
		}
	}
	t.Errorf("counters differ (-connections made, +counted):\n%s", diff)
}

// tally reads the live table.
func (s *site) tally(t *testing.T) tally {
	t.Helper()
	var b ct.Bindings
	must(t, s.Gateway.Do(func() error {
		c, err := nftlink.Open()
		if err != nil {
			return err
		}
		defer c.Close()
		live, _, err := c.Read(context.Background(), "snatctl")
		b = readback.Bindings(live)
		return err
	}))
	got := tally{}
	note := func(object string, n uint64) {
		if n > 0 {
			got[object] += n
		}
	}
	hosts := map[string]string{"192.168.1.1": "rs1 v4", "192.168.1.2": "rs2 v4", "192.168.1.3": "rs3 v4", "fd05::1": "rs1 v6", "fd05::2": "rs2 v6"}
	for _, z := range b.Zones {
		note("zone "+z.Name, z.New)
	}
	for _, sv := range b.Services {
		note("service "+sv.Name, sv.New)
		for _, rs := range sv.Servers {
			note(sv.Name+" "+hosts[rs.Addr.String()], rs.New)
		}
	}
	return got
}

// A real server that drains and comes back moves itself and others to other slots; what each has
// counted goes along, for services with and without persistence, whatever takes turns.
func TestDrainKeepsCounts(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: turns, vip: 203.0.113.1, ports: udp/80, mode: nat, scheduler: wrr, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: W}, 192.168.1.3]}
  - {name: wide, vip: 203.0.113.2, ports: udp/8000-8009, mode: nat, scheduler: random, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: W}, 192.168.1.3]}
  - {name: kept, vip: 203.0.113.3, ports: udp/80, mode: nat, scheduler: wrr, persistence: 300s, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: W}, 192.168.1.3]}
`
	with := func(weight string) string { return strings.ReplaceAll(policy, "W}", weight+"}") }
	s := startSite(t, with("1"))
	counts := func() tally {
		all := tally{}
		for _, sv := range status(t, s.Gateway).Services {
			all["service "+sv.Name] = uint64(sv.New)
			for _, rs := range sv.Servers {
				all[sv.Name+" "+rs.Address] += uint64(rs.New)
			}
		}
		return all
	}
	for i := range 9 {
		for _, to := range []string{"203.0.113.1:80", "203.0.113.2:8001", "203.0.113.3:80"} {
			_, err := s.Office.Ask("udp", fmt.Sprintf("10.1.128.%d:0", i+1), to)
			must(t, err)
		}
	}
	want := counts()
	if want["service turns"] != 9 || want["turns 192.168.1.2"] != 3 || want["kept 192.168.1.1"]+want["kept 192.168.1.2"]+want["kept 192.168.1.3"] != 9 {
		t.Fatalf("status counts %v", want)
	}
	for _, weight := range []string{"0", "1", "3", "0", "2", "1"} {
		apply(t, s.Gateway, with(weight))
		if d := gocmp.Diff(want, counts()); d != "" {
			t.Errorf("with weight %s the counts are others (-before +now):\n%s", weight, d)
		}
	}
}
