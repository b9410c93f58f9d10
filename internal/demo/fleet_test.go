package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// Every node can carry out the policy of the fleet's demo with each of its changes, and lint has nothing to say but
// what the policy says about itself.
func TestFleetPolicy(t *testing.T) {
	text := strings.ReplaceAll(fleetPolicy, "DIR", "/run/bird")
	for _, e := range append([]edit{{}}, slip, joins, number) {
		if !strings.Contains(text, e.old) {
			t.Fatalf("the policy lacks %q", e.old)
		}
		files := []policy.Source{{Name: "policy.yaml", Data: []byte(strings.Replace(text, e.old, e.new, 1))}}
		all := compiled.Policy(t, files[0].Data)
		for _, f := range all.Nodes {
			p, d := all.At(f.Name)
			if d != nil {
				t.Fatal(d)
			}
			if r, ds := compiler.Compile(p); r == nil {
				t.Errorf("node %s: %v", f.Name, ds)
			}
		}
		for _, d := range lint.Apply(lint.Check(all), files, lint.Ran{}) {
			if d.Severity != policy.Info {
				t.Errorf("after %q: %v", e.why, d)
			}
		}
	}
}

// An answer tells the gateway by the laddr that was seen.
func TestThrough(t *testing.T) {
	for peer, want := range map[string]string{"198.51.100.15:9": "gw1", "198.51.100.16:9": "gw2", "192.168.2.47:9": "gw3", "10.1.0.1:9": "10.1.0.1"} {
		if got := through(nstest.Answer{Peer: netip.MustParseAddrPort(peer)}); got != want {
			t.Errorf("%s is of %s, want %s", peer, got, want)
		}
	}
}
