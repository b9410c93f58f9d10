package readback_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// TestBindings prints what a table tells of its policy. Each archive of testdata is
// one policy.
func TestBindings(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		return []golden.File{{Name: "want", Data: bindingsText(readback.Bindings(compiled.Table(t, input[0].Data)))}}
	})
}

// tables returns the compiler's golden cases, by file name, each made anew.
func tables(t *testing.T) map[string]*nft.Ruleset {
	t.Helper()
	paths, err := filepath.Glob("../testdata/compile/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	out := make(map[string]*nft.Ruleset)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := compiler.Compile(compiled.Policy(t, archive.Files[0].Data)); r != nil {
			out[path] = r
		}
	}
	return out
}

func TestBindingsOfNoTable(t *testing.T) {
	for _, r := range []*nft.Ruleset{nil, {}} {
		if b := readback.Bindings(r); len(b.Services) > 0 || len(b.Zones) > 0 {
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
		if len(z.To) > 0 || len(z.Ports) > 0 || len(z.OIf) > 0 || z.IIf {
			fmt.Fprintf(&out, "  to %v ports %v oif %v iif %t\n", z.To, z.Ports, z.OIf, z.IIf)
		}
		if len(z.Exclude) > 0 {
			fmt.Fprintf(&out, "  except to %v\n", z.Exclude)
		}
		pools(z.Pools)
		for _, t := range z.Through {
			fmt.Fprintf(&out, "  through %s: %v\n", t.OIf, t.Laddrs)
		}
		for _, m := range z.Maps {
			fmt.Fprintf(&out, "  %v as %v\n", m.Inside, m.Outside)
		}
	}
	return out.Bytes()
}

// A zone may ask for more patterns of interfaces than a comment has room for. Then nothing tells
// by which its connections leave.
func TestBindingsOfManyPatterns(t *testing.T) {
	for n, want := range map[int]bool{1: true, 3: true, 20: false} {
		patterns := make([]string, n)
		for i := range patterns {
			patterns[i] = fmt.Sprintf("interface-%02d*", i)
		}
		p := compiled.Policy(t, []byte("version: 1\nzones:\n  - {name: out, from: 10.2.0.0/16, oif: [wan0, '"+strings.Join(patterns, "', '")+"'], laddrs: 198.51.100.1}\n"))
		table := compiled.Ruleset(t, p)
		for _, e := range table.Set(layout.Conditions.String()).Elements {
			if len(e.Comment) > layout.MostComment {
				t.Errorf("a comment is %d bytes long", len(e.Comment))
			}
		}
		z := readback.Bindings(table).Zones[0]
		if known := len(z.OIf) == n+1 && !z.IIf; known != want || !known && (z.OIf != nil || !z.IIf) {
			t.Errorf("of %d patterns the table tells %v, iif %v", n, z.OIf, z.IIf)
		}
	}
}

// Whatever somebody does to a table by hand, reading it comes to an end.
func TestBindingsOfForeignHands(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"", "servers4", "does4/x", "conditions", "pool4/office", "slots4/range", "table4/web", "drained6/zone/x", "zones4/ports"}
	comments := []string{"", "web", "web: weight -1", "x: weight 1 port 99999", "x: icmp", ": ", "ports 9-1", "x: interfaces oif: oif:? oif:*"}
	for range 20 {
		for name, table := range tables(t) {
			for _, s := range table.Sets {
				if r.IntN(4) > 0 {
					continue
				}
				switch r.IntN(4) {
				case 0:
					s.Name = names[r.IntN(len(names))]
				case 1:
					s.Key = s.Key[:r.IntN(len(s.Key)+1)]
				case 2:
					s.Data = nft.Data(r.IntN(int(nft.AddrRange4Port) + 1))
				}
				for i := range s.Elements {
					e := &s.Elements[i]
					switch r.IntN(6) {
					case 0:
						e.Key = e.Key[:r.IntN(len(e.Key)+1)]
					case 1:
						e.KeyEnd = e.Key
					case 2:
						e.Data = strings.Repeat("\xff", r.IntN(40))
					case 3:
						e.Comment = comments[r.IntN(len(comments))]
					case 4:
						e.Verdict = nft.JumpChain([]string{"when/a/b", "when/a/7-more-1", "exclude/x", "pool4/office", ""}[r.IntN(5)])
					}
				}
			}
			objects := readback.Read(table, nil)
			if some := readback.Read(table, &readback.Only{}); len(some.Services)+len(some.Zones)+len(some.Pools) > 0 || objects.Pools == nil {
				t.Errorf("%s: of no object %+v is read", name, some)
			}
			if text := bindingsText(readback.Bindings(table)); !bytes.Equal(text, bindingsText(readback.Bindings(table))) {
				t.Errorf("%s: read twice, a table says different things", name)
			}
		}
	}
}

// What is read of some objects is what is read of all, as far as it is about these.
func TestReadOnly(t *testing.T) {
	for name, table := range tables(t) {
		all := readback.Read(table, nil)
		for _, z := range all.Zones {
			some := readback.Read(table, &readback.Only{Zones: map[string]bool{z.Name: true}})
			if len(some.Services) > 0 || len(some.Zones) != 1 {
				t.Fatalf("%s: of zone %s is read %+v", name, z.Name, some)
			}
			got := some.Zones[0]
			if !slices.Equal(got.From(), z.From()) || !reflect.DeepEqual(got.Ways, z.Ways) || !slices.Equal(got.Exclude, z.Exclude) || !slices.Equal(got.Drained, z.Drained) || !slices.Equal(got.Entering, z.Entering) {
				t.Errorf("%s: zone %s is\n%+v\namong all\n%+v", name, z.Name, got, z)
			}
			for _, w := range z.Ways {
				if w.Pool != "" && some.Pools[w.Pool] == nil {
					t.Errorf("%s: zone %s is read without pool %s", name, z.Name, w.Pool)
				}
			}
		}
		for _, sv := range all.Services {
			some := readback.Read(table, &readback.Only{Services: map[string]bool{sv.Name: true}})
			if len(some.Zones) > 0 || len(some.Services) != 1 || !reflect.DeepEqual(some.Services[0].Ways, sv.Ways) || !reflect.DeepEqual(some.Services[0].RealServers(), sv.RealServers()) {
				t.Errorf("%s: of service %s is read %+v", name, sv.Name, some)
			}
		}
		for name, pool := range all.Pools {
			some := readback.Read(table, &readback.Only{Pools: map[string]bool{name: true}})
			if len(some.Zones)+len(some.Services) > 0 || len(some.Pools) != 1 || !slices.Equal(some.Pools[name].Laddrs, pool.Laddrs) || !slices.Equal(some.Pools[name].Drained, pool.Drained) {
				t.Errorf("of pool %s is read %+v", name, some)
			}
		}
	}
}

// Beyond some number of slots these are not counted, and the bindings say so. Services with a
// lane are, and so are those with persistence, whose real servers count for themselves.
func TestUncounted(t *testing.T) {
	for _, c := range []struct{ services, uncounted int }{{4000, 0}, {30000, 30000 - layout.MaxLanes - 1}} {
		p := compiled.Policy(t, sample.Services(c.services, 4))
		p.Services[c.services-1].Persistence = policy.Persistence{Timeout: time.Minute, Mask4: 32, Mask6: 128}
		n := 0
		for _, s := range readback.Bindings(compiled.Ruleset(t, p)).Services {
			if s.Uncounted {
				n++
			}
		}
		if n != c.uncounted {
			t.Errorf("of %d services %d are not counted, want %d", c.services, n, c.uncounted)
		}
	}
}
