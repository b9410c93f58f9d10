package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func state(texts ...string) (s State) {
	for _, t := range texts {
		f := strings.Fields(t)
		switch f[0] {
		case "local":
			s.Routes = append(s.Routes, Route{netip.MustParsePrefix(f[1])})
		case "address":
			s.Addresses = append(s.Addresses, Address{netip.MustParseAddr(f[1]), f[2]})
		case "proxy":
			s.Neighbours = append(s.Neighbours, Neighbour{netip.MustParseAddr(f[1]), f[2]})
		case "proxying":
			s.Proxying = append(s.Proxying, Proxying(f[1]))
		}
	}
	return s
}

func TestDiff(t *testing.T) {
	have := state("local 20.0.2.10/32", "local 198.51.100.32/28", "proxy 2001:db8::1 wan0", "address 203.0.113.1 wan0", "local 2001:db8::1/128")
	want := state("local 20.0.2.10/32", "local 198.51.100.0/28", "local 2001:db8::2/128", "proxy 2001:db8::2 wan0", "address 203.0.113.1 wan1", "proxying wan0")
	plan := Diff(have, want)
	var got []string
	for _, o := range plan {
		got = append(got, o.String())
	}
	text := strings.Join(got, "\n")
	if text != `+ net.ipv6.conf.wan0.proxy_ndp=1
+ local route 198.51.100.0/28
+ local route 2001:db8::2/128
+ neighbour proxy 2001:db8::2 dev wan0
+ address 203.0.113.1 dev wan1
- address 203.0.113.1 dev wan0
- neighbour proxy 2001:db8::1 dev wan0
- local route 198.51.100.32/28
- local route 2001:db8::1/128` {
		t.Errorf("the plan is\n%s", text)
	}
	told := ""
	for _, c := range plan.Changes(Names{}) {
		told += fmt.Sprintf("%c %s: %s\n", "+-~"[c.Action], c.Name, c.Detail)
	}
	if told != `~ wan0: proxy_ndp is switched on
+ 198.51.100.0/28: local route
+ 2001:db8::2: local route
+ 2001:db8::2: neighbour proxy on wan0
+ 203.0.113.1: address of wan1
- 203.0.113.1: address of wan0
- 2001:db8::1: neighbour proxy on wan0
- 198.51.100.32/28: local route
- 2001:db8::1: local route
` {
		t.Errorf("it tells\n%s", told)
	}
	if left := Diff(want, want); len(left) > 0 {
		t.Errorf("what is wanted differs from itself: %v", left)
	}
	// What takes a plan back, taken back, is the plan.
	if again := plan.Inverse().Inverse(); !slices.Equal(again, plan) {
		t.Errorf("the inverse's inverse is %v", again)
	}
	if a := plan.Assigned(); len(a) != 1 || a[0].Interface != "wan1" {
		t.Errorf("assigned %v", a)
	}
}

// TestChangesJoin holds that neighbouring addresses are told as one.
func TestChangesJoin(t *testing.T) {
	var texts []string
	for i := range 256 {
		texts = append(texts, fmt.Sprintf("local 203.0.113.%d/32", i), fmt.Sprintf("proxy 2001:db8::%x wan0", i))
	}
	got := Diff(State{}, state(texts...)).Changes(Names{})
	want := []Change{{Add, "203.0.113.0/24", "local route", Addresses}, {Add, "2001:db8::/120", "neighbour proxy on wan0", Addresses}}
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}
