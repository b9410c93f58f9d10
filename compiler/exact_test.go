package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// zonesOf are zones of a /24 each, and some that are no /24.
func zonesOf(n int, more ...string) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nzones:\n")
	for _, zone := range more {
		fmt.Fprintf(&b, "  - {%s}\n", zone)
	}
	for i := range n {
		fmt.Fprintf(&b, "  - {name: z%d, from: 10.%d.%d.0/24, laddrs: 198.51.%d.%d}\n", i, i>>8, i&255, i>>8, i&255)
	}
	return []byte(b.String())
}

// Sources are looked up by their first bits where prefixes of one length are many, by range
// where they are few or something else.
func TestExact(t *testing.T) {
	lan := []string{"name: lan, from: 192.168.0.0/22, laddrs: 192.0.2.1", "name: odd, from: 192.168.4.1-192.168.4.9, laddrs: 192.0.2.2"}
	for _, c := range []struct {
		name           string
		policy         []byte
		ranges, prefix int // elements in zones4 and zones4/24; -1: there is no such map
		lookups        []string
	}{
		{"few", zonesOf(exactFrom-1, lan...), exactFrom + 1, -1, []string{"ip saddr map @zones4"}},
		{"many", zonesOf(exactFrom), -1, exactFrom, []string{"ip saddr & 255.255.255.0 map @zones4/24"}},
		{"both", zonesOf(exactFrom, lan...), 2, exactFrom, []string{"ip saddr & 255.255.255.0 map @zones4/24", "ip saddr map @zones4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustCompile(t, mustParse(t, c.policy))
			for name, want := range map[string]int{"zones4": c.ranges, "zones4/24": c.prefix} {
				got := -1
				if i := slices.IndexFunc(r.Sets, func(s *nft.Set) bool { return s.Name == name }); i >= 0 {
					got = len(r.Sets[i].Elements)
				}
				if got != want {
					t.Errorf("%s has %d elements, want %d", name, got, want)
				}
			}
			var lookups []string
			for _, chain := range r.Chains {
				for _, rule := range chain.Rules {
					for _, s := range rule.Stmts {
						if nat, ok := s.(nft.NAT); ok {
							lookups = append(lookups, strings.TrimSuffix(strings.TrimPrefix(nat.String(), "snat ip to "), " persistent"))
						}
					}
				}
			}
			if !slices.Equal(lookups, c.lookups) {
				t.Errorf("sources are looked up by %q, want %q", lookups, c.lookups)
			}
		})
	}
}

// A range is taken for the prefix that it is, and for none where it is none.
func TestPrefixLen(t *testing.T) {
	for text, want := range map[string]int{"10.0.0.0/24": 24, "10.0.0.7": 32, "0.0.0.0/0": 0, "10.0.0.1-10.0.0.2": -1, "10.0.0.0-10.0.0.2": -1, "10.0.1.0-10.0.2.255": -1} {
		r, err := inet.ParseRange(text)
		if err != nil {
			t.Fatal(err)
		}
		n, ok := prefixLen(&nft.Element{Key: string(r.From.AsSlice()), KeyEnd: string(r.To.AsSlice())})
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%s is a prefix of %d bits (%t), want %d", text, n, ok, want)
		}
	}
}
