package layout_test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

var declaration = regexp.MustCompile(`^\s*(set|map|chain) (\S+) \{`)

// Every name in every golden table reads as a value that prints as the same name.
func TestNamesOfAllTablesRoundTrip(t *testing.T) {
	seen := map[layout.Kind]bool{}
	paths, _ := filepath.Glob("../testdata/compile/*.txtar")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			m := declaration.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			parse := layout.ParseSet
			if m[1] == "chain" {
				parse = layout.ParseChain
			}
			n, ok := parse(m[2])
			if !ok || n.String() != m[2] {
				t.Errorf("%s: %s %s reads as %+v, %v", path, m[1], m[2], n, ok)
			}
			if n.Kind.IsChain() != (m[1] == "chain") || (m[1] == "map") != (!n.Kind.IsChain() && n.Declare().Data != nft.NoData) {
				t.Errorf("%s: %s %s is taken for something else: %+v", path, m[1], m[2], n)
			}
			seen[n.Kind] = true
		}
	}
	for k := layout.Uplinks; k <= layout.ChainChance; k++ {
		if !seen[k] && k != layout.ChainOffload { // a host's part of the table, not the policy's
			t.Errorf("no golden table has a name of kind %d (%s)", k, k)
		}
	}
}

// Objects may be called like the words of names.
func TestObjectsNamedLikeWords(t *testing.T) {
	zone := func(name string) layout.Object { return layout.Object{Of: layout.OfZone, Name: name} }
	for _, object := range []string{"zone", "service", "mark", "random", "spread", "ports", "keep", "any", "7", "does", "table", "mapped"} {
		for _, n := range []layout.Name{
			{Kind: layout.Own, Family: inet.V4, Object: zone(object)},
			{Kind: layout.Own, Family: inet.V4, Variant: layout.Variant{Random: true}, Object: zone(object)},
			{Kind: layout.Blocks, Family: inet.V4, Object: zone(object)},
			{Kind: layout.Mapped, Family: inet.V6, Object: zone(object)},
			{Kind: layout.Drained, Family: inet.V4, Object: zone(object)},
			{Kind: layout.Drained, Family: inet.V4, Object: layout.Object{Of: layout.OfPool, Name: object}},
			{Kind: layout.Pool, Family: inet.V4, Variant: layout.Variant{Select: "source-destination"}, Object: layout.Object{Of: layout.OfPool, Name: object}},
			{Kind: layout.Pool, Family: inet.V6, Object: layout.Object{Of: layout.OfService, Name: object}},
			{Kind: layout.Table, Family: inet.V6, Object: layout.Object{Of: layout.OfService, Name: object}},
		} {
			if got, ok := layout.ParseSet(n.String()); !ok || got != n {
				t.Errorf("%s reads as %+v, not %+v", n, got, n)
			}
		}
		for _, n := range []layout.Name{
			{Kind: layout.ChainZone, Object: zone(object)},
			{Kind: layout.ChainZone, Object: zone(object), Variant: layout.Variant{Does: true}},
			{Kind: layout.ChainWhen, Object: zone(object), Variant: layout.Variant{Then: object + "/mail"}},
			{Kind: layout.ChainSchedule, Family: inet.V4, Variant: layout.Variant{Scheduler: "rr", Slots: 40, Lane: "0"}, Object: layout.Object{Of: layout.OfService, Name: object}},
		} {
			if got, ok := layout.ParseChain(n.String()); !ok || got != n {
				t.Errorf("%s reads as %+v, not %+v", n, got, n)
			}
		}
	}
}

// A map of sources says by how many bits they are looked up, unless it holds ranges.
func TestPrefixNames(t *testing.T) {
	for text, want := range map[string]layout.Variant{"zones4": {}, "zones4/24": {Bits: 24}, "zones4/32/ports/random": {Bits: 32, Bound: true, Random: true}} {
		n, ok := layout.ParseSet(text)
		if !ok || n != (layout.Name{Kind: layout.Zones, Family: inet.V4, Variant: want}) || n.String() != text {
			t.Errorf("%s reads as %+v, which is called %s", text, n, n)
		}
		if s := n.Declare(); s.Interval != (want.Bits == 0) || !s.Counter {
			t.Errorf("%s is declared as %+v", text, s)
		}
	}
}

// What snatctl never makes is not read as something that it does.
func TestForeignNames(t *testing.T) {
	for _, text := range []string{"", "services", "services4/", "services4/ranges", "services5", "slots4/x", "own4", "zones4/0", "zones4/-8", "zones4/024", "zones4/129", "zones4/ports/24", "pool4", "blacklist", "to/x"} {
		if n, ok := layout.ParseSet(text); ok {
			t.Errorf("set %q reads as %+v", text, n)
		}
	}
	for _, text := range []string{"", "rr4", "rr4-", "rr4-02", "rr4-2-", "rr-2", "zone", "zone/", "zone/x/y", "syn-proxy/1460", "syn-proxy/1460-07", "syn-proxy/1460-7-sack-timestamp", "sticky4"} {
		if n, ok := layout.ParseChain(text); ok {
			t.Errorf("chain %q reads as %+v", text, n)
		}
	}
}
