package policy_test

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

const twoServices = `version: 1
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2, "192.168.1.3:8080"]}
  - {name: mail, vip: 203.0.113.11, ports: tcp/25, on_empty: drop, real_servers: [192.168.1.1]}
`

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	return p
}

type states = map[string]policy.ServiceState

func at(t *testing.T, server string) netip.AddrPort { return anyAddrPort(t, server) }

// A state that says nothing, or nothing new, gives the policy itself.
func TestWithNothing(t *testing.T) {
	p := parsed(t, twoServices)
	for name, s := range map[string]policy.State{
		"nothing":         {},
		"unknown service": {Services: states{"nobody": {Closed: true}}},
		"zero":            {Services: states{"web": {}}},
		"as written":      {Services: states{"web": {Servers: map[netip.AddrPort]policy.ServerState{at(t, "192.168.1.2"): {Weight: 1}}}}},
		"unknown server":  {Services: states{"web": {Servers: map[netip.AddrPort]policy.ServerState{at(t, "192.168.1.2:80"): {Down: true}}}}},
	} {
		if p.With(s) != p {
			t.Errorf("%s: another policy", name)
		}
	}
}

// A state changes what it names; all else is shared, and the policy stays as it is.
func TestWithIsCopyOnWrite(t *testing.T) {
	p, same := parsed(t, twoServices), parsed(t, twoServices)
	down := p.With(policy.State{Services: states{"web": {Servers: map[netip.AddrPort]policy.ServerState{
		at(t, "192.168.1.2"): {Weight: 1, Down: true}, at(t, "192.168.1.3:8080"): {Weight: 0}}}}})
	if !reflect.DeepEqual(p, same) {
		t.Error("the policy itself changed")
	}
	if down.Written() != p || p.Written() != p || !p.State().IsZero() || down.With(down.State()).Services[0].RealServers[1].Down != true {
		t.Error("it does not know what is written, or its state")
	}
	if &down.Services[1].RealServers[0] != &p.Services[1].RealServers[0] {
		t.Error("a service that the state does not name is not shared")
	}
	if got := serversText(&down.Services[0]); got != "192.168.1.1 weight 1, 192.168.1.2 weight 1 down, 192.168.1.3:8080 weight 0" {
		t.Errorf("real servers: %s", got)
	}
	if down.With(policy.State{}) != p {
		t.Error("a state adds to another one")
	}
	up := down.With(policy.State{Services: states{"mail": {Closed: true}}})
	if !reflect.DeepEqual(up.Services[0], p.Services[0]) || up.Services[1].RealServers[0].Weight != 0 {
		t.Error("a state does not take the place of another one")
	}
}

func serversText(s *policy.Service) string {
	var out []string
	for _, rs := range s.RealServers {
		text := rs.String() + " weight " + string(rune('0'+rs.Weight))
		if rs.Down {
			text += " down"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// Sorry servers take the place of all others, and each stands once.
func TestWithSorryServers(t *testing.T) {
	p := parsed(t, twoServices)
	web := &p.Services[0]
	web.SorryServers = []policy.RealServer{{Addr: netip.MustParseAddr("192.168.1.9"), Weight: 2}, {Addr: netip.MustParseAddr("192.168.1.1"), Weight: 1}}
	got := p.With(policy.State{Services: states{"web": {Sorry: true, Closed: true, Servers: map[netip.AddrPort]policy.ServerState{
		at(t, "192.168.1.2"): {Weight: 1, Down: true}}}}}).Services[0]
	if text := serversText(&got); text != "192.168.1.1 weight 1, 192.168.1.2 weight 0 down, 192.168.1.3:8080 weight 0, 192.168.1.9 weight 2" {
		t.Errorf("real servers: %s", text)
	}
	if got.Scheduler != policy.WeightedRoundRobin {
		t.Errorf("the scheduler is %s although the weights differ", got.Scheduler)
	}
}

// Decide works on what a state makes of the policy.
func TestDecideWithState(t *testing.T) {
	p := parsed(t, twoServices)
	state := func(st policy.ServiceState) *policy.Policy { return p.With(policy.State{Services: states{"web": st}}) }
	web := packet(t, p, "tcp 10.0.0.1:999 > 203.0.113.10:80")
	down := policy.ServerState{Weight: 1, Down: true}
	d := state(policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{at(t, "192.168.1.2"): down}}).Decide(web)
	if want := []netip.AddrPort{at(t, "192.168.1.1:80"), at(t, "192.168.1.3:8080")}; !slices.Equal(d.DNAT, want) {
		t.Errorf("one is down: to %v, want %v", d.DNAT, want)
	}
	if !slices.Contains(d.Steps, "service web: the real server 192.168.1.2 is down and gets no new connections") {
		t.Errorf("steps: %q", d.Steps)
	}
	if d := state(policy.ServiceState{Closed: true}).Decide(web); d.Verdict != policy.Reject || d.Service != "web" {
		t.Errorf("closed: %s %q", d.Verdict, d.Reason)
	}
	d = state(policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{at(t, "192.168.1.1"): {Weight: 7}}}).Decide(web)
	if len(d.DNAT) != 3 || !strings.Contains(d.Reason, "scheduler wrr") {
		t.Errorf("unequal weights: %q", d.Reason)
	}
}

// Weights that change all the time take fewer slots than those that are written.
func TestMostSlots(t *testing.T) {
	p := parsed(t, twoServices)
	if n := p.Services[0].MostSlots(); n != policy.MaxSlots {
		t.Errorf("as written: %d", n)
	}
	for weight, want := range map[int]int{1: policy.MaxSlots, 0: policy.MaxSlots, 97: 64} {
		s := p.Services[0].With(policy.ServiceState{Servers: map[netip.AddrPort]policy.ServerState{
			at(t, "192.168.1.1"): {Weight: weight}, at(t, "192.168.1.2"): {Weight: 50, Down: true}}})
		if n := s.MostSlots(); n != want {
			t.Errorf("weight %d: %d, want %d", weight, n, want)
		}
	}
}
