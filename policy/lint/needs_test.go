package lint

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// checkNeeds fails if a rule would say less on a host of which only what it needs was read, or
// if HostRules leaves out one that finds something.
func checkNeeds(t *testing.T, p *policy.Policy, h Host, found policy.Diagnostics) {
	t.Helper()
	rules := HostRules(p)
	for _, d := range found {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == d.Code })
		if i < 0 {
			t.Errorf("%s is none of the policy's rules about hosts, and finds\n%v", d.Code, d)
			continue
		}
		same := func(d policy.Diagnostic) bool { return d.Code == rules[i].Code }
		if less := CheckHost(p, only(h, rules[i].Needs)); len(sift(less, same)) != len(sift(found, same)) {
			t.Errorf("%s needs more of a host than it names", d.Code)
		}
	}
}

func sift(ds policy.Diagnostics, keep func(policy.Diagnostic) bool) policy.Diagnostics {
	return slices.DeleteFunc(slices.Clone(ds), func(d policy.Diagnostic) bool { return !keep(d) })
}

// only returns a host of which nothing is known but what is needed.
func only(h Host, n Needs) Host {
	var out Host
	for facts, take := range map[Facts]func(){
		Interfaces: func() { out.Interfaces = h.Interfaces },
		Routes:     func() { out.Routes = h.Routes },
		Neighbours: func() { out.Neighbours = h.Neighbours },
		Listeners:  func() { out.Listeners = h.Listeners },
		Chains:     func() { out.Chains = h.Chains },
		Siblings:   func() { out.Clashes = h.Clashes },
		Laddrs:     func() { out.Withdrawn = h.Withdrawn },
		Units:      func() { out.Units, out.FirewalldFlushes = h.Units, h.FirewalldFlushes },
		Files:      func() { out.Files = h.Files },
		Names:      func() { out.Names = h.Names },
		Lacks:      func() { out.Kernel, out.Missing = h.Kernel, h.Missing },
	} {
		if n.Facts&facts != 0 {
			take()
		}
	}
	out.Sysctls = make(map[string]string)
	for key, value := range h.Sysctls {
		if n.names(key) {
			out.Sysctls[key] = value
		}
	}
	if n.names("net/netfilter/nf_conntrack_max") {
		out.Conntrack = h.Conntrack
	}
	return out
}

func (n Needs) names(key string) bool {
	return slices.ContainsFunc(n.Sysctls, func(pattern string) bool { ok, _ := path.Match(pattern, key); return ok })
}

// TestNeeds holds that the rules about hosts say what they need, and the others need nothing.
func TestNeeds(t *testing.T) {
	for _, r := range Rules() {
		if needs := r.Needs.Facts != 0 || len(r.Needs.Sysctls) > 0; needs != (r.live != nil) || needs && !r.Live && r.check == nil {
			t.Errorf("%s looks at a host: %v; it needs %+v", r.Code, r.live != nil, r.Needs)
		}
	}
}

// TestHostRules holds that facts which no rule could use are not asked for.
func TestHostRules(t *testing.T) {
	const always = "C01 C02 C03 H01 H02 H03 H06 H07 H08 X16"
	for _, c := range []struct{ policy, want string }{
		{"services: []", always},
		{"gateway: {forwarding: false}", always + " H04"},
		{"gateway: {uplinks: wan0}", always + " H05 Z11"},
		{"zones: [{name: a, from: 10.1.0.0/16, oif: wan0, action: masquerade}]", always + " H05 Z11 Z12"},
		{"laddrs: {a: 20.0.2.1}", always + " P03"},
		{"nodes: {gw1: {}}", "C01 C02 C03 F12 H01 H02 H03 H06 H07 H08 X16"},
		{"gateway: {addresses: none}\nladdrs: {a: 20.0.2.1}", always + " P03"},
		{"gateway: {addresses: routes}\nladdrs: {a: 20.0.2.1}", always},
		{"gateway: {addresses: {assign: wan0}}\nladdrs: {a: 20.0.2.1}", always + " Z11"},
		{"laddrs: {a: {addresses: 20.0.2.1, ports: 1024-2047}}", always + " P03 P09"},
		{"zones: [{name: a, from: 10.1.0.0/24, map: 20.0.2.0/24}]", always + " P03 Z12"},
		{"services: [{name: a, vip: 20.0.1.1, ports: tcp/80, real_servers: 192.168.1.1}]", always + " S03 S23"},
		{"services: [{name: a, vip: 20.0.1.1, ports: tcp/80, hairpin: false, real_servers: 192.168.1.1}]", always + " S03"},
		{"gateway: {addresses: routes}\nservices: [{name: a, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, laddrs: 20.0.2.1, client_address: toa, real_servers: 192.168.1.1}]", always + " B04 B05 S03"},
	} {
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte("version: 1\n" + c.policy + "\n")}})
		if p == nil {
			t.Fatal(ds)
		}
		var got []string
		for _, r := range HostRules(p) {
			got = append(got, r.Code)
		}
		if want := strings.Fields(c.want); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: rules are %v, want %v", c.policy, got, want)
		}
	}
}
