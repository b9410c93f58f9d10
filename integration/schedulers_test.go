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
	t.Parallel()
	s := newSite(t, nstest.Options{})
	s.start(t, `
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
	t.Parallel()
	s := newSite(t, nstest.Options{})
	const n = 120
	policy := func(first, last int) string {
		var b strings.Builder
		b.WriteString("version: 1\nservices:\n")
		for i := first; i < last; i++ {
			fmt.Fprintf(&b, "  - {name: s%d, vip: 203.0.113.%d, ports: udp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2%s]}\n", i, i, []string{"", ", 192.168.1.3"}[i%2])
		}
		return b.String()
	}
	s.start(t, policy(1, n))
	answers := map[int][]string{}
	round := func(last int) {
		for i := 1; i < last; i++ {
			answers[i] = append(answers[i], call(t, s.Office, fmt.Sprintf("udp 203.0.113.%d:80", i)).Host)
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
	t.Parallel()
	s := newSite(t, nstest.Options{})
	s.start(t, `
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
