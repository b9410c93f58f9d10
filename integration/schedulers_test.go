package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// turns checks that every run of n answers names n different hosts, and that each host
// answered its share.
func turns(t *testing.T, what string, n int, answers []string) {
	t.Helper()
	for i := 0; i+n <= len(answers); i++ {
		if seen := slices.Compact(slices.Sorted(slices.Values(answers[i : i+n]))); len(seen) != n {
			t.Errorf("%s: calls %d to %d were answered by %v: not in turn (all: %v)", what, i, i+n-1, answers[i:i+n], answers)
			return
		}
	}
}

func count(answers []string) map[string]int {
	n := map[string]int{}
	for _, a := range answers {
		n[a]++
	}
	return n
}

func TestRoundRobin(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - {name: a, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
  - {name: b, vip: 203.0.113.2, ports: tcp/80, mode: nat, scheduler: rr, real_servers: [192.168.1.2, 192.168.1.3]}
  - {name: c, vip: 203.0.113.3, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: d, vip: 203.0.113.4, ports: tcp/80, mode: fullnat, laddrs: 192.168.2.9, real_servers: [192.168.1.1, 192.168.1.2:8080, 192.168.1.3]}
  - {name: range, vip: 203.0.113.5, ports: tcp/8000-8001, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: all, vip: 203.0.113.6, ports: tcp/*, mode: nat, real_servers: [192.168.1.1, 192.168.1.3]}
  - {name: weights, vip: 203.0.113.7, ports: tcp/80, mode: nat, real_servers: [{address: 192.168.1.1, weight: 5}, {address: 192.168.1.2, weight: 5}]}
  - {name: zero, vip: 203.0.113.8, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: 0}, 192.168.1.3]}
`)
	// All of them called in turn, each with its own idea of whose turn it is.
	calls := []struct {
		service, call string
		servers       int
	}{
		{"a", "tcp 203.0.113.1:80", 2},
		{"b", "tcp 203.0.113.2:80", 2},
		{"c", "tcp 203.0.113.3:80", 3},
		{"d", "tcp 203.0.113.4:80", 3},
		{"a over IPv6", "tcp [2001:db8::1]:80", 2},
		{"range", "tcp 203.0.113.5:8000", 2},
		{"all", "tcp 203.0.113.6:443", 2},
		{"equal weights", "tcp 203.0.113.7:80", 2},
		{"weight 0 gets nothing", "tcp 203.0.113.8:80", 2},
	}
	answers := map[string][]string{}
	for range 30 {
		for _, c := range calls {
			answers[c.service] = append(answers[c.service], call(t, s.Office, c.call).Host)
		}
	}
	for _, c := range calls {
		turns(t, c.service, c.servers, answers[c.service])
		for host, n := range count(answers[c.service]) {
			if n != 30/c.servers {
				t.Errorf("%s: %s answered %d of 30, want %d", c.service, host, n, 30/c.servers)
			}
		}
	}
	if slices.Contains(answers["weight 0 gets nothing"], "rs2") {
		t.Error("a real server of weight 0 got a new connection")
	}
	// Two services called alternately, and nothing else: the case in which a shared
	// counter gives each service one real server only.
	var a, b []string
	for range 20 {
		a = append(a, call(t, s.Office, "tcp 203.0.113.1:80").Host)
		b = append(b, call(t, s.Office, "tcp 203.0.113.2:80").Host)
	}
	if ca, cb := count(a), count(b); !maps.Equal(ca, map[string]int{"rs1": 10, "rs2": 10}) || !maps.Equal(cb, map[string]int{"rs2": 10, "rs3": 10}) {
		t.Errorf("of 20 calls each in turn: a %v, b %v, want 10 and 10 each", ca, cb)
	}
}

// Each of many services takes its turns alone, and goes on where it was when others come
// and go.
func TestManyServicesTakeTurns(t *testing.T) {
	const n = 120
	policy := func(first, last int) string {
		var b strings.Builder
		b.WriteString("version: 1\nservices:\n")
		for i := first; i < last; i++ {
			fmt.Fprintf(&b, "  - {name: s%d, vip: 203.0.113.%d, ports: udp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2%s]}\n", i, i, []string{"", ", 192.168.1.3"}[i%2])
		}
		return b.String()
	}
	s := startSite(t, policy(1, n))
	answers, rounds := map[int][]string{}, 0
	round := func(last int) {
		rounds++
		for i := 1; i < last; i++ {
			answers[i] = append(answers[i], call(t, s.Office, newFlow(fmt.Sprintf("udp 203.0.113.%d:80", i), rounds)).Host)
		}
	}
	round(n)
	round(n)
	apply(t, s.Gateway, policy(1, 250))
	round(n)
	apply(t, s.Gateway, policy(1, n))
	round(n)
	apply(t, s.Gateway, policy(1, n/2))
	round(n / 2)
	for i := 1; i < n; i++ {
		turns(t, fmt.Sprintf("service %d", i), 2+i%2, answers[i])
	}
}

func TestRandomByWeight(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - name: web
    vip: 203.0.113.1
    ports: udp/80
    mode: nat
    scheduler: random
    real_servers:
      - {address: 192.168.1.1, weight: 3}
      - {address: 192.168.1.2, weight: 1}
      - {address: 192.168.1.3, weight: 0}
`)
	var answers []string
	for range 400 {
		answers = append(answers, call(t, s.Office, "udp 203.0.113.1:80").Host)
	}
	// 300 expected of 400, standard deviation 8.7: outside six of them once in 10^9 runs.
	if n := count(answers); n["rs1"] < 248 || n["rs1"] > 352 || n["rs3"] != 0 {
		t.Errorf("weights 3, 1 and 0 shared 400 connections as %v", n)
	}
	same := 0
	for i := 1; i < len(answers); i++ {
		if answers[i] == answers[i-1] {
			same++
		}
	}
	if same < 150 || same > 350 { // 249 expected
		t.Errorf("%d of 399 answers were as the one before: not random", same)
	}
}

// newFlow gives a UDP call a source port of its own: the kernel soon hands out one again
// whose flow conntrack still knows, and that is no new connection.
func newFlow(call string, i int) string {
	network, dst, _ := strings.Cut(call, " ")
	any := "0.0.0.0"
	if strings.HasPrefix(dst, "[") {
		any = "[::]"
	}
	band := 0 // of ports, so that no call waits for the socket of another to be gone
	for _, c := range []byte(dst) {
		band = (band*31 + int(c)) % 16
	}
	return fmt.Sprintf("%s %s:%d > %s", network, any, 12000+1000*band+i, dst)
}

// In every run of as many connections as the weights add up to, each real server gets
// exactly its weight. lc and wlc act as wrr where no agent counts connections for them.
func TestWeightedRoundRobin(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - {name: a, vip: 203.0.113.1, ports: udp/80, mode: nat, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: 5}, {address: 192.168.1.2, weight: 1}, 192.168.1.3]}
  - {name: b, vip: 203.0.113.2, ports: udp/80, mode: nat, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: 200}, {address: 192.168.1.2, weight: 100}]}
  - {name: c, vip: 203.0.113.3, ports: udp/80, mode: fullnat, laddrs: 192.168.2.9, scheduler: wlc, real_servers: [{address: 192.168.1.1, weight: 3}, {address: 192.168.1.2, weight: 2}, {address: 192.168.1.3, weight: 0}]}
  - {name: d, vip: "2001:db8::4", ports: udp/80, mode: nat, scheduler: wrr, real_servers: [{address: "fd05::1", weight: 2}, {address: "fd05::2", weight: 3}]}
  - {name: e, vip: 203.0.113.5, ports: udp/8000-8001, mode: nat, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: 1}, {address: 192.168.1.2, weight: 3}]}
`)
	calls := []struct {
		call   string
		shares map[string]int
		run    int // the longest run of one real server that is still interleaved
	}{
		{"udp 203.0.113.1:80", map[string]int{"rs1": 5, "rs2": 1, "rs3": 1}, 4},
		{"udp 203.0.113.2:80", map[string]int{"rs1": 2, "rs2": 1}, 2},
		{"udp 203.0.113.3:80", map[string]int{"rs1": 3, "rs2": 2}, 2},
		{"udp [2001:db8::4]:80", map[string]int{"rs1": 2, "rs2": 3}, 2},
		{"udp 203.0.113.5:8001", map[string]int{"rs1": 1, "rs2": 3}, 3},
	}
	answers := map[string][]string{}
	for i := range 42 {
		for _, c := range calls {
			answers[c.call] = append(answers[c.call], call(t, s.Office, newFlow(c.call, i)).Host)
		}
	}
	for _, c := range calls {
		all, sum := answers[c.call], 0
		for _, n := range c.shares {
			sum += n
		}
		for i := 0; i+sum <= len(all); i++ {
			if got := count(all[i : i+sum]); !maps.Equal(got, c.shares) {
				t.Errorf("%s: calls %d to %d went as %v, want %v (all: %v)", c.call, i, i+sum-1, got, c.shares, all)
				break
			}
		}
		for i := 0; i+c.run < len(all); i++ {
			if len(count(all[i:i+c.run+1])) == 1 {
				t.Errorf("%s: calls %d to %d all went to %s: not interleaved", c.call, i, i+c.run, all[i])
				break
			}
		}
	}
}

// Hashes of the source keep a client with its real server; the destination's sends
// everybody to one. Maglev moves few clients when a real server goes.
func TestHashSchedulers(t *testing.T) {
	policy := func(last string) string {
		return `
version: 1
services:
  - {name: sh, vip: [203.0.113.1, "2001:db8::1"], ports: [udp/80, tcp/80], mode: nat, scheduler: sh, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3, "fd05::1", "fd05::2", "fd05::3"]}
  - {name: weighted, vip: 203.0.113.2, ports: udp/80, mode: nat, scheduler: sh, real_servers: [{address: 192.168.1.1, weight: 3}, 192.168.1.2]}
  - {name: mh, vip: [203.0.113.3, "2001:db8::3"], ports: [udp/80, tcp/80], mode: nat, scheduler: mh, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"` + last + `]}
  - {name: dh, vip: [203.0.113.16, 203.0.113.17, 203.0.113.18, 203.0.113.19, 203.0.113.20, 203.0.113.21, 203.0.113.22, 203.0.113.23], ports: udp/80, mode: nat, scheduler: dh, real_servers: [192.168.1.1, 192.168.1.2]}
`
	}
	s := startSite(t, policy(`, 192.168.1.3, "fd05::3"`))
	const sources = 240
	survey := func(source, dst string) map[string]string {
		byClient := map[string]string{}
		for i := range sources {
			src := fmt.Sprintf(source, i)
			byClient[src] = call(t, s.Office, "udp "+src+" > "+dst+":80").Host
			if i%20 == 0 && dst != "203.0.113.2" {
				if again := call(t, s.Office, "tcp "+src+" > "+dst+":80").Host; again != byClient[src] {
					t.Errorf("%s to %s went to %s, then to %s", src, dst, byClient[src], again)
				}
			}
		}
		return byClient
	}
	third := map[string]float64{"rs1": 1. / 3, "rs2": 1. / 3, "rs3": 1. / 3}
	before4, before6 := survey("10.1.200.%d", "203.0.113.3"), survey("fd01::8000:0:0:%x", "[2001:db8::3]")
	for _, c := range []struct {
		name     string
		byClient map[string]string
		shares   map[string]float64
	}{
		{"sh", survey("10.1.200.%d", "203.0.113.1"), third},
		{"sh over IPv6", survey("fd01::8000:0:0:%x", "[2001:db8::1]"), third},
		{"sh by weight", survey("10.1.200.%d", "203.0.113.2"), map[string]float64{"rs1": 0.75, "rs2": 0.25}},
		{"mh", before4, third},
		{"mh over IPv6", before6, third},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantShares(t, count(slices.Collect(maps.Values(c.byClient))), c.shares, sources)
		})
	}

	dh := map[string]bool{}
	for i := range 8 {
		dst := fmt.Sprintf("udp 203.0.113.%d:80", 16+i)
		first := call(t, s.Office, dst).Host
		dh[first] = true
		for _, from := range []*nstest.Host{s.Guests, s.Lab, s.Office} {
			if other := call(t, from, dst).Host; other != first {
				t.Errorf("dh: %s goes to %s from office, to %s from %s", dst, first, other, from.Name)
			}
		}
	}
	if len(dh) != 2 {
		t.Errorf("dh: eight VIPs went to %v, want both real servers used", dh)
	}

	apply(t, s.Gateway, policy(""))
	must(t, s.Gateway.FlushFlows(t.Context()))
	for _, c := range []struct {
		before map[string]string
		after  map[string]string
	}{{before4, survey("10.1.200.%d", "203.0.113.3")}, {before6, survey("fd01::8000:0:0:%x", "[2001:db8::3]")}} {
		moved := 0
		for client, rs := range c.before {
			if rs != "rs3" && c.after[client] != rs {
				moved++
			}
			if c.after[client] == "rs3" {
				t.Errorf("mh: %s still goes to a real server that is gone", client)
			}
		}
		if moved > sources/12 { // of the 160 that need not move
			t.Errorf("mh: %d clients of the real servers that stayed were moved", moved)
		}
	}
}
