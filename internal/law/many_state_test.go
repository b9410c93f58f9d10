package law

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
)

// A service among many zones changes by a transition alone: zones stay as they are looked up.
func TestManyZonesStay(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nservices:\n  - {name: web, vip: 198.51.100.200, ports: tcp/80, mode: nat, real_servers: [192.0.2.1, 192.0.2.2, 192.0.2.3]}\nzones:\n")
	for i := range 1100 {
		fmt.Fprintf(&b, "  - {name: zone-%d, from: 10.%d.%d.0/24, laddrs: 203.0.%d.%d}\n", i, i>>8, i&255, i>>8, i&255)
	}
	l, err := New([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	w, ok := newWalker(l.Policy)
	if !ok {
		t.Fatal("there is no outline")
	}
	random := rand.New(rand.NewPCG(7, 8))
	key := w.written.Services[0].RealServers[0].Key()
	for i, s := range []map[string]policy.ServiceState{{"web": {Servers: map[netip.AddrPort]policy.ServerState{key: {Down: true}}}}, {"web": {Servers: map[netip.AddrPort]policy.ServerState{key: {Weight: 1}}}}} {
		if err := w.evict(policy.State{Services: s}); err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		if err := w.reshape(); err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		want, _ := compiler.Compile(w.now)
		if got, want := script(t, inOrder(w.table, want)), script(t, want); got != want {
			t.Errorf("state %d: a transition makes another table", i)
		}
		if err := w.check(random, true); err != nil {
			t.Errorf("state %d: %v", i, err)
		}
	}
}
