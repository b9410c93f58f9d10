package tell_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
)

// TestChanges walks through the policies of an archive in testdata, from one to the
// next, and holds all that Changes says about each step. A file named "none" is a kernel
// without a table.
func TestChanges(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		var out bytes.Buffer
		live := stage(t, input[0])
		for _, f := range input[1:] {
			want := stage(t, f)
			list := tell.Changes(live, want, diff(t, live, want))
			if len(list) == 0 {
				t.Errorf("%s: a difference that no object accounts for", f.Name)
			}
			fmt.Fprintf(&out, "%s:\n%s", f.Name, changesText(list))
			unchanged(t, want, stage(t, f))
			live = want
		}
		return []golden.File{{Name: "want", Data: out.Bytes()}}
	})
}

// stage compiles one file of an archive; nil for an empty one.
func stage(t *testing.T, f golden.File) *nft.Ruleset {
	t.Helper()
	if f.Name == "none" {
		return nil
	}
	p := compiled.Policy(t, f.Data)
	r := compiled.Ruleset(t, p)
	if p.Gateway.Offload == policy.OffloadSoftware { // on a host that has the uplinks and lan0
		compiler.Offload(r, append([]string{"lan0"}, p.Gateway.Uplinks...))
	}
	return r
}

// diff compares rulesets, after giving both their forms.
func diff(t testing.TB, live, want *nft.Ruleset) nft.Plan {
	t.Helper()
	if live != nil {
		formed(t, live)
	}
	return nft.Diff(live, formed(t, want))
}

func formed(t testing.TB, r *nft.Ruleset) nft.Formed {
	t.Helper()
	f, err := wire.Forms(r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func changesText(list []tell.Change) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "  %s %s %s: %s\n", c.Action.Mark(), c.Kind, c.Name, c.Detail)
	}
	return b.String()
}

func unchanged(t *testing.T, live, want *nft.Ruleset) {
	t.Helper()
	if list := tell.Changes(live, want, diff(t, live, want)); len(list) > 0 {
		t.Errorf("from a policy to itself there are changes:\n%s", changesText(list))
	}
}

func TestNoChangesBetweenEqualPolicies(t *testing.T) {
	paths, err := filepath.Glob("../testdata/compile/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := compiler.Compile(compiled.Policy(t, archive.Files[0].Data)); r != nil {
			t.Run(filepath.Base(path), func(t *testing.T) { unchanged(t, r, r) })
		}
	}
}

// What somebody did to the table by hand shows too, and names what goes.
func TestChangesOfForeignHands(t *testing.T) {
	parsed := compiled.Policy(t, []byte(`version: 1
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}
`))
	table := func() *nft.Ruleset {
		r := compiled.Ruleset(t, parsed)
		formed(t, r)
		return r
	}
	element := func(r *nft.Ruleset, set string) *nft.Element { return &r.Set(set).Elements[0] }
	for _, c := range []struct {
		name  string
		spoil func(r *nft.Ruleset)
		want  string
	}{
		{"rule added", func(r *nft.Ruleset) {
			c := r.Chain(chainForZones)
			c.Rules = append(c.Rules, nft.Rule{Form: "[foreign]", Handle: 77})
		}, "  ~ gateway snatctl: chain zones: - the rule with handle 77, which the policy does not make (`nft -a list chain` shows it)\n"},
		{"rule deleted", func(r *nft.Ruleset) { r.Chain(chainForZones).Rules = nil },
			"  ~ gateway snatctl: chain zones: + snat ip to ip saddr map @zones4 persistent\n"},
		{"rule inserted before ours", func(r *nft.Ruleset) {
			c := r.Chain(layout.ChainPostrouting.String())
			c.Rules = append([]nft.Rule{{Form: "[foreign]", Handle: 77}}, c.Rules...)
		}, "  ~ gateway snatctl: chain postrouting: - the rule with handle 77, which the policy does not make (`nft -a list chain` shows it)\n"},
		{"element deleted", func(r *nft.Ruleset) { s := r.Set("zones4"); s.Elements = s.Elements[1:] },
			"  + zone office: 10.1.0.0/16 → laddrs 198.51.100.1\n"},
		{"laddr changed", func(r *nft.Ruleset) { element(r, "zones4").Data = "\xc6\x33\x64\x09\xc6\x33\x64\x09" },
			"  ~ zone office: laddrs 198.51.100.9 → laddrs 198.51.100.1\n"},
		{"real server changed", func(r *nft.Ruleset) { element(r, "turns4").Data = "\xc0\xa8\x01\x09\x00\x50\x00\x00" },
			"  + real_server web/192.168.1.1: share 1/2\n  - real_server web/192.168.1.9: share 1/2\n"},
		{"comment changed", func(r *nft.Ruleset) { element(r, "zones4").Comment = "lab" },
			"  - zone lab: 10.1.0.0/16 → laddrs 198.51.100.1\n  + zone office: 10.1.0.0/16 → laddrs 198.51.100.1\n"},
		{"element added", func(r *nft.Ruleset) {
			s := r.Set("zones4")
			s.Elements = append(s.Elements, nft.Element{Key: "\x0a\x09\x00\x00", KeyEnd: "\x0a\x09\x00\xff", Data: "\xc6\x33\x64\x09\xc6\x33\x64\x09"})
		}, "  ~ gateway snatctl: - element 10.9.0.0/24 : 198.51.100.9/32 of zones4, which is not the policy's\n"},
		{"set added", func(r *nft.Ruleset) {
			r.Sets = append(r.Sets, &nft.Set{Name: "mine", Key: []nft.Type{nft.IPv4}})
		}, "  ~ gateway snatctl: - set mine, which snatctl did not make\n"},
		{"chain added", func(r *nft.Ruleset) { r.Chains = append(r.Chains, &nft.Chain{Name: "mine"}) },
			"  ~ gateway snatctl: - chain mine, which snatctl did not make\n"},
		{"chain of a lane emptied", func(r *nft.Ruleset) { r.Chains[len(r.Chains)-1].Rules = nil },
			"  ~ gateway snatctl: the table differs from what the policy makes: 1 rules and 0 elements to add, 0 and 0 to delete\n"},
		{"dormant", func(r *nft.Ruleset) { r.Dormant = true },
			"  ~ gateway snatctl: table is switched on again (it was dormant)\n"},
		{"named limit added", func(r *nft.Ruleset) {
			r.Objects = append(r.Objects, nft.Limit{Name: "mine", Rate: 1, Unit: nft.PerSecond})
		}, "  ~ gateway snatctl: - limit mine, which snatctl did not make\n"},
		{"object of another kind added", func(r *nft.Ruleset) { r.Others = []string{"object mine"} },
			"  ~ gateway snatctl: table is made anew: it holds object mine, which snatctl did not make\n"},
		{"other layout", func(r *nft.Ruleset) { r.Comment = "made by snatctl, layout 0" },
			"  ~ gateway snatctl: table is made anew: it was not made by this version of snatctl\n"},
		{"chain's policy changed", func(r *nft.Ruleset) {
			r.Chain(layout.ChainOutput.String()).Hook.Type += " with another policy than accept"
		},
			"  ~ gateway snatctl: table is made anew: chain output is hooked differently\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			live, want := table(), table()
			c.spoil(live)
			if got := changesText(tell.Changes(live, want, diff(t, live, want))); got != c.want {
				t.Errorf("changes are\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Whatever somebody did to a table, a plan for it can be told.
func TestChangesOfSpoiledTables(t *testing.T) {
	paths, err := filepath.Glob("../testdata/compile/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := compiled.Policy(t, archive.Files[0].Data)
		if table, _ := compiler.Compile(p); table == nil {
			continue
		}
		for range 10 {
			live, want := compiled.Ruleset(t, p), compiled.Ruleset(t, p)
			for _, s := range live.Sets {
				for i := range s.Elements {
					switch r.IntN(8) {
					case 0:
						s.Elements[i].Comment = []string{"", "web", "office: guests", ": "}[r.IntN(4)]
					case 1:
						s.Elements[i].Verdict.Chain = []string{"", "pool4/none", "masquerading", "when/a/7-more-1"}[r.IntN(4)]
					}
				}
				if n := len(s.Elements); n > 0 && r.IntN(4) == 0 {
					s.Elements = s.Elements[r.IntN(n):]
				}
			}
			tell.Changes(live, want, diff(t, live, want))
		}
	}
}

// chainForZones is the chain that the cases above spoil.
var chainForZones = layout.ChainZones.String()

// A detail never breaks the line that it stands in, and names every real server of a policy.
func TestNewTableListsEveryObject(t *testing.T) {
	p := compiled.Policy(t, []byte(`version: 1
laddrs:
  guests: 198.51.100.16/28
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: guests}
  - {name: lab, from: 10.2.0.0/16, action: drop}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}
`))
	want := compiled.Ruleset(t, p)
	var names []string
	for _, c := range tell.Changes(nil, want, diff(t, nil, want)) {
		if c.Action != tell.AddObject {
			t.Errorf("a new table has the change %+v", c)
		}
		names = append(names, string(c.Kind)+" "+c.Name)
	}
	if got, list := strings.Join(names, "\n"), strings.Join(objects(p), "\n"); got != list {
		t.Errorf("a new table adds\n%s\nwant\n%s", got, list)
	}
}

// objects lists all objects of a policy as changes name them, in the order of a report.
func objects(p *policy.Policy) []string {
	out := []string{"gateway " + p.Gateway.Table}
	for _, pool := range p.Laddrs {
		out = append(out, "pool "+pool.Name)
	}
	for _, z := range []string{"lab", "office"} { // sorted by name
		out = append(out, "zone "+z)
	}
	for _, s := range p.Services {
		out = append(out, "service "+s.Name)
		for _, rs := range s.RealServers {
			out = append(out, "real_server "+s.Name+"/"+rs.String())
		}
	}
	return out
}
