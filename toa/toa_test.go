package toa_test

import (
	"testing"

	"net/netip"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/toa"
)

// Every port of a range lies in exactly one of its prefixes, and no other does.
func TestKeys(t *testing.T) {
	for _, r := range []inet.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8099}, {First: 1, Last: 65535}, inet.AnyPort, {First: 65535, Last: 65535}, {First: 3, Last: 12}} {
		s := toa.Service{VIPs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}, Ports: []inet.PortRange{r}}
		hits := make([]int, 65536)
		for _, k := range s.Keys() {
			for p := int(k.Port); p < int(k.Port)+1<<(128+16-k.Bits); p++ {
				hits[p]++
			}
		}
		for p, n := range hits {
			in := 0
			if p >= int(r.First) && p <= int(r.Last) {
				in = 1
			}
			if n != in {
				t.Fatalf("%v: port %d lies in %d prefixes of %v", r, p, n, s.Keys())
			}
		}
	}
}

// A digest is that of what the program knows, in whatever order.
func TestDigest(t *testing.T) {
	a := toa.Service{Name: "a", VIPs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}, Ports: []inet.PortRange{{First: 80, Last: 80}}, Servers: []netip.Addr{netip.MustParseAddr("192.168.1.1")}}
	b := a
	b.Name, b.Ports = "b", []inet.PortRange{{First: 81, Last: 81}}
	digest := func(s ...toa.Service) string { return (&toa.Program{Services: s}).Digest() }
	if diff := cmp.Diff(digest(a, b), digest(b, a)); diff != "" {
		t.Error(diff)
	}
	more := a
	more.Servers = append(more.Servers[:1:1], netip.MustParseAddr("192.168.1.2"))
	other := a
	other.VIPs = []netip.Addr{netip.MustParseAddr("203.0.113.11")}
	seen := map[string]bool{}
	for _, d := range []string{digest(), digest(a), digest(b), digest(a, b), digest(more), digest(other)} {
		if seen[d] {
			t.Errorf("the digest %s is that of two programs", d)
		}
		seen[d] = true
	}
}
