package compiler

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

const compileCases = "testdata/compile/*.txtar"

// TestCompile compiles the policies of testdata/compile. Each archive is one policy and
// either the whole script that it compiles to, or why it does not.
func TestCompile(t *testing.T) {
	golden.Run(t, compileCases, func(t *testing.T, input []golden.File) []golden.File {
		p := parse(t, input)
		r, ds := Compile(p)
		if (r == nil) != (ds.Err() != nil) {
			t.Errorf("the ruleset is %v, the error %v", r, ds.Err())
		}
		if r == nil {
			return []golden.File{{Name: "want", Data: []byte(render(ds))}}
		}
		if len(ds) > 0 {
			t.Errorf("beside the ruleset there are diagnostics: %v", ds)
		}
		closed(t, r)
		text := script(t, r)
		if again := script(t, mustCompile(t, parse(t, input))); again != text {
			t.Errorf("compiling again gives another script:\n%s", again)
		}
		return []golden.File{{Name: "want", Data: []byte(text)}}
	})
}

// parse reads the policy of a golden case, which must be valid.
func parse(t *testing.T, input []golden.File) *policy.Policy {
	t.Helper()
	var srcs []policy.Source
	for _, f := range input {
		srcs = append(srcs, policy.Source(f))
	}
	p, ds := read.Parse(srcs)
	if p == nil {
		t.Fatalf("the policy is invalid:\n%s", render(ds))
	}
	if p.Everywhere() {
		p, _ = p.At(p.Nodes[0].Name)
	}
	return p
}

func script(t testing.TB, r *nft.Ruleset) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteScript(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func render(ds policy.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
		if d.Hint != "" {
			b.WriteString("    " + d.Hint + "\n")
		}
	}
	return b.String()
}

// closed fails where something refers to what the ruleset does not hold, where names or keys
// stand twice, or where a key or datum is not as wide as its set declares.
func closed(t *testing.T, r *nft.Ruleset) {
	t.Helper()
	chains, sets := map[string]bool{}, map[string]bool{}
	for _, c := range r.Chains {
		if chains[c.Name] {
			t.Errorf("chain %s stands twice", c.Name)
		}
		chains[c.Name] = true
	}
	for _, s := range r.Sets {
		if sets[s.Name] {
			t.Errorf("set %s stands twice", s.Name)
		}
		sets[s.Name] = true
	}
	target := func(v nft.Verdict, from string) {
		if needs := v.Kind == nft.Jump || v.Kind == nft.Goto; needs && !chains[v.Chain] || !needs && v.Chain != "" {
			t.Errorf("%s says %q, but there is no such chain", from, v)
		}
	}
	for _, s := range r.Sets {
		keys := map[string]bool{}
		for _, e := range s.Elements {
			what := fmt.Sprintf("element %s of %s", s.ElementString(e), s.Name)
			target(e.Verdict, what)
			if keys[e.Key] {
				t.Errorf("%s: its key stands twice", what)
			}
			keys[e.Key] = true
			if len(e.Key) != s.KeyWidth() || len(e.Data) != s.Data.Width() {
				t.Errorf("%s: key and data have %d and %d bytes, want %d and %d", what, len(e.Key), len(e.Data), s.KeyWidth(), s.Data.Width())
			}
			if s.Interval && len(e.KeyEnd) != s.KeyWidth() || !s.Interval && e.KeyEnd != "" || s.Interval && e.KeyEnd < e.Key {
				t.Errorf("%s: its range ends at %x, in a set with Interval %t", what, e.KeyEnd, s.Interval)
			}
			if (e.Verdict.Kind != nft.NoVerdict) != (s.Data == nft.VerdictData) {
				t.Errorf("%s: its verdict is %q", what, e.Verdict)
			}
		}
	}
	for _, c := range r.Chains {
		for _, rule := range c.Rules {
			for _, stmt := range rule.Stmts {
				set := ""
				switch s := stmt.(type) {
				case nft.Vmap:
					set = s.Map
				case nft.NAT:
					set = s.Map
				case nft.OIfIn:
					set = s.Set
				case nft.InSet:
					set = s.Set
				case nft.Give:
					target(s.Verdict, fmt.Sprintf("rule %q of chain %s", rule, c.Name))
				}
				if set != "" && !sets[set] {
					t.Errorf("rule %q of chain %s names %s, which does not exist", rule, c.Name, set)
				}
			}
		}
	}
}

// size is what the kernel has to bind and to check at every commit.
type size struct{ sets, chains, rules int }

func sizeOf(r *nft.Ruleset) size {
	rules, _ := r.Count()
	return size{len(r.Sets), len(r.Chains), rules}
}

// Rules are constant, maps carry the policy: beyond the bound on lanes a table does not grow.
func TestSizeDoesNotGrow(t *testing.T) {
	for _, c := range []struct {
		name         string
		make         func(n int) []byte
		small, large int
	}{
		{"services", func(n int) []byte { return sample.Services(n, 2) }, 5000, 30000},
		{"services with limits", func(n int) []byte {
			return bytes.ReplaceAll(sample.Services(n, 2), []byte("    mode: nat\n"), []byte("    mode: nat\n    limits: {connections: 10000, connections_per_client: 100, new_per_client: 50/second}\n"))
		}, 5000, 30000},
		{"zones", sample.Zones, 1000, 10000},
	} {
		t.Run(c.name, func(t *testing.T) {
			small, large := mustCompile(t, mustParse(t, c.make(c.small))), mustCompile(t, mustParse(t, c.make(c.large)))
			closed(t, small)
			if s, l := sizeOf(small), sizeOf(large); s != l {
				t.Errorf("%d %s make %+v, %d make %+v", c.small, c.name, s, c.large, l)
			}
			if _, found := strings.CutSuffix(c.name, "limits"); found != strings.Contains(script(t, small), "limits4") {
				t.Error("the policies are not what they should be")
			}
			if n := len(large.Chains); n > 4000 {
				t.Errorf("%d chains, at most 4,000 may be", n)
			}
			if _, elements := large.Count(); elements < c.large {
				t.Errorf("only %d elements for %d %s", elements, c.large, c.name)
			}
			if script(t, small) != script(t, mustCompile(t, mustParse(t, c.make(c.small)))) {
				t.Error("compiling again gives another script")
			}
		})
	}
}

// apart returns a policy of n zones, each with a pool in two pieces: such pools take a chain.
func apart(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nladdrs:\n")
	for i := range n {
		fmt.Fprintf(&b, "  p%d: [198.18.%d.%d, 198.19.%[2]d.%[3]d]\n", i, i/256, i%256)
	}
	b.WriteString("zones:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: z%d, from: 10.%d.%d.0/24, laddrs: p%[1]d}\n", i, i/256, i%256)
	}
	return []byte(b.String())
}

func TestTooManyChains(t *testing.T) {
	frame := len(mustCompile(t, mustParse(t, apart(1))).Chains) - 1
	most := 4000 - frame
	if n := len(mustCompile(t, mustParse(t, apart(most))).Chains); n != 4000 {
		t.Errorf("%d pools in pieces make %d chains, want 4,000", most, n)
	}
	_, ds := Compile(mustParse(t, apart(most+1)))
	want := fmt.Sprintf(`policy.yaml:3:3: error: the policy needs 4001 nftables chains, %d of them for pools that are not one contiguous range; the limit is 4000 [K01]
    write pools as one range each, or use one pool in several zones
`, most+1)
	if got := render(ds); got != want {
		t.Errorf("one more pool is refused with\n%s\nwant\n%s", got, want)
	}
}

// Services that take turns have lanes of their own while there are enough, whatever they are called.
func TestLanesAreDistinct(t *testing.T) {
	for _, n := range []int{2, layout.MaxLanes, layout.MaxLanes + 1, 3 * layout.MaxLanes} {
		p := mustParse(t, sample.Services(n, 2))
		seen := map[int]string{}
		for s, lane := range assignLanes(p.Services) {
			if other, ok := seen[lane.Number]; ok || lane.Number < 0 || lane.Number >= layout.MaxLanes {
				t.Errorf("services %s and %s have the lane %d", s, other, lane.Number)
			}
			seen[lane.Number] = s
		}
		if len(seen) != min(n, layout.MaxLanes) {
			t.Errorf("of %d services %d have a lane, want %d", n, len(seen), min(n, layout.MaxLanes))
		}
	}
}

// A service keeps its lane, and so its turn, when others come and go.
func TestLanesStay(t *testing.T) {
	p := mustParse(t, sample.Services(200, 2))
	before := assignLanes(p.Services)
	moved := 0
	for s, lane := range assignLanes(p.Services[100:]) {
		if before[s] != lane {
			moved++
		}
	}
	if moved > 12 { // those that had to give way: about one in ten
		t.Errorf("%d of 100 services have another lane after 100 others went", moved)
	}
}

// Where slots are many, those of lanes are spread over maps too, and each lane looks into the one
// that holds its service's slots.
func TestLanesArePartedToo(t *testing.T) {
	r := mustCompile(t, mustParse(t, sample.Services(layout.MaxLanes+partsFrom/4, 4)))
	in := make(map[string]string) // the map that holds the first slot of what is called
	maps := 0
	for _, s := range r.Sets {
		if name, _ := layout.ParseSet(s.Name); name.Kind == layout.Turns {
			maps++
			for _, e := range s.Elements {
				in[layout.SlotFront(&e)] = s.Name
			}
		}
	}
	if maps != maxParts || len(in) != layout.MaxLanes {
		t.Fatalf("%d maps hold the slots of %d services, want %d and %d", maps, len(in), maxParts, layout.MaxLanes)
	}
	for _, e := range r.Set("services4").Elements {
		rule := r.Chain(e.Verdict.Chain).Rules[0]
		if m := in[e.Key]; m != "" && !strings.HasSuffix(rule.String(), " map @"+m) {
			t.Errorf("service %s has its slots in %s, but its rule is %s", e.Comment, m, rule)
		}
	}
}
