package compiler

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/nft"
)

// TestBindings prints what a table tells of its policy. Each archive of testdata/bindings is
// one policy.
func TestBindings(t *testing.T) {
	golden.Run(t, "testdata/bindings/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		return []golden.File{{Name: "want", Data: bindingsText(Bindings(mustCompile(t, parse(t, input))))}}
	})
}

func TestBindingsOfNoTable(t *testing.T) {
	for _, r := range []*nft.Ruleset{nil, {}} {
		if b := Bindings(r); len(b.Services) > 0 || len(b.Zones) > 0 {
			t.Errorf("a table that holds nothing binds %+v", b)
		}
	}
}

// bindingsText prints bindings, a line for each object and what it holds.
func bindingsText(b ct.Bindings) []byte {
	var out bytes.Buffer
	pools := func(ps []ct.Pool) {
		for _, p := range ps {
			fmt.Fprintf(&out, "  pool %q: %v", p.Name, p.Laddrs)
			if !p.Ports.IsZero() {
				fmt.Fprintf(&out, " ports %v", p.Ports)
			}
			if p.Block > 0 {
				fmt.Fprintf(&out, " block %d", p.Block)
			}
			fmt.Fprintln(&out)
		}
	}
	for _, s := range b.Services {
		fmt.Fprintf(&out, "service %s: %s\n", s.Name, strings.Join(strings.Fields(s.Mode+" "+s.Scheduler+" "+s.OnEmpty), ", "))
		for _, f := range s.Fronts {
			fmt.Fprintf(&out, "  at %v %v\n", f.VIP, f.Ports)
		}
		for _, rs := range s.Servers {
			fmt.Fprintf(&out, "  to %v port %d weight %d\n", rs.Addr, rs.Port, rs.Weight)
		}
		pools(s.Pools)
	}
	for _, z := range b.Zones {
		fmt.Fprintf(&out, "zone %s: %s %v\n", z.Name, z.Action, z.Sources)
		if len(z.To) > 0 || len(z.Ports) > 0 || z.Interfaces {
			fmt.Fprintf(&out, "  to %v ports %v interfaces %t\n", z.To, z.Ports, z.Interfaces)
		}
		if len(z.Exclude) > 0 {
			fmt.Fprintf(&out, "  except to %v\n", z.Exclude)
		}
		pools(z.Pools)
		for _, m := range z.Maps {
			fmt.Fprintf(&out, "  %v as %v\n", m.Inside, m.Outside)
		}
	}
	return out.Bytes()
}
