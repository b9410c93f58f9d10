package format

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
	"github.com/snatctl/snatctl/policy/words"
)

// written returns a document as it is written, and holds that Format leaves it so.
func written(t *testing.T, d *Document) []byte {
	t.Helper()
	out, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, diag := Format(policy.Source{Name: "policy.yaml", Data: out})
	if diag != nil || !bytes.Equal(out, again) {
		t.Errorf("fmt changes what was written, %v (-written +fmt):\n%s", diag, cmp.Diff(strings.Split(string(out), "\n"), strings.Split(string(again), "\n")))
	}
	if twice, err := d.Bytes(); err != nil || !bytes.Equal(out, twice) {
		t.Errorf("written twice it is another, %v:\n%s", err, twice)
	}
	return out
}

// TestBuild writes a policy as a translation would: keys in any order, each object with the
// line that it comes from, and what has no translation at the end.
func TestBuild(t *testing.T) {
	d := NewDocument()
	d.Header("yaml-language-server: $schema=../docs/policy.schema.json", "from rules.v4 of gw1", "", "Two things have no translation: see the end.")
	services := new(List)
	d.Set("services", services).Behind("the order means nothing")
	web := new(Mapping)
	services.Add(web).Above("line 1: -A -t 203.0.113.10:80 -s wrr -p 300")
	servers := new(List)
	web.Set("real_servers", servers)
	servers.Add(new(Mapping).InBrackets()).Behind("line 2").value.(*Mapping).Set("weight", Number(3))
	servers.entries[0].value.(*Mapping).Set("address", Text("192.168.1.1"))
	servers.Add(Text("192.168.1.2:8080")).Above("line 3: drains,\nor so it looks").Behind("-w 0")
	web.Set("scheduler", Text("wrr")).Behind("-s wrr")
	web.Set("ports", Texts("tcp/80", "tcp/443"))
	web.Set("vip", Text("2001:db8::10"))
	web.Set("vip", Texts("203.0.113.10"))
	web.Set("name", Text("web"))
	odd := new(Mapping)
	services.Add(odd).Above("", "line 4: a name that needs quotes")
	odd.Set("name", Text("80")).Above("once `80`").Behind("a number\twith \x1b[31m bytes")
	odd.Set("real_servers", new(List))
	odd.Set("ports", Text("udp/*"))
	odd.Set("vip", Text("203.0.113.11"))
	odd.Set("persistence", new(Mapping).InBrackets()).value.(*Mapping).Set("timeout", Text("5m"))
	zones := new(List)
	d.Set("zones", zones).Above("in order: the first that matches decides")
	for i := range 2 {
		zone := new(Mapping).InBrackets()
		zone.Set("exclude", Texts("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10"))
		zone.Set("from", Text(fmt.Sprintf("10.%d.0.0/16", i)))
		zone.Set("laddrs", Text("out"))
		zone.Set("name", Text(fmt.Sprintf("net%d", i)))
		zones.Add(zone)
	}
	pools := new(Mapping)
	d.Set("laddrs", pools)
	pools.Set("out", Texts("198.51.100.1", "2001:db8:99::1")).Behind("-j SNAT")
	gateway := new(Mapping).InBrackets()
	d.Set("gateway", gateway)
	gateway.Set("forwarding", Truth(false))
	gateway.Set("uplinks", Texts("wan0")).Behind("-o wan0")
	d.Set("x-from", Texts("rules.v4", "rules.v6"))
	d.Footer("line 9 has no translation: -A -f 1", "line 10 has none: -j LOG")
	golden.Text(t, "testdata/build.yaml", written(t, d))
}

// TestBuildRefuses: a key that the language does not have is no policy's.
func TestBuildRefuses(t *testing.T) {
	inZone := func(key string, v Value) func(*Document) {
		return func(d *Document) {
			zones, zone := new(List), new(Mapping)
			zone.Set(key, v)
			zones.Add(zone)
			d.Set("zones", zones)
		}
	}
	weight := new(List)
	weight.Add(new(Mapping)).value.(*Mapping).Set("wieght", Number(1))
	for want, build := range map[string]func(*Document){
		"no key zonse":                   func(d *Document) { d.Set("zonse", new(List)) },
		"no key zones[].x-from":          inZone("x-from", Text("rules.v4")),
		"no key zones[].laddrs[].wieght": inZone("laddrs", weight),
		"a key has more than 100 bytes":  func(d *Document) { d.Set("x-"+strings.Repeat("y", 100), Number(1)) },
	} {
		d := NewDocument()
		build(d)
		if out, err := d.Bytes(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q\n%s", err, want, out)
		}
	}
}

// built makes a document of a tree of YAML, with its keys in a random order. Comments, with
// brackets here and there, are put where a random number says, which may be nil.
func built(n *yaml.Node, r *rand.Rand) *Document {
	often := func(percent int) bool { return r != nil && r.IntN(100) < percent }
	var value func(n *yaml.Node, path string) Value
	note := func(e *Entry) {
		if often(20) {
			e.Above([]string{"", "above", "snatctl:ignore Z06 a reason", "two\nlines"}[r.IntN(4)])
		}
		if often(20) {
			e.Behind("behind # it")
		}
	}
	fill := func(m *Mapping, n *yaml.Node, path string) *Mapping {
		order := make([]int, len(n.Content)/2)
		for i := range order {
			order[i] = i
		}
		if r != nil && words.Keys(path) != nil { // pools have an order
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for _, i := range order {
			note(m.Set(n.Content[2*i].Value, value(n.Content[2*i+1], below(path, n.Content[2*i].Value))))
		}
		return m
	}
	value = func(n *yaml.Node, path string) Value {
		switch n.Kind {
		case yaml.AliasNode:
			return value(n.Alias, path)
		case yaml.MappingNode:
			return fill(&Mapping{brackets: often(50)}, n, path)
		case yaml.SequenceNode:
			l := &List{brackets: often(50)}
			for _, item := range n.Content {
				note(l.Add(value(item, path+"[]")))
			}
			return l
		}
		switch i, err := strconv.Atoi(n.Value); {
		case n.ShortTag() == "!!int" && err == nil && strconv.Itoa(i) == n.Value:
			return Number(i)
		case n.ShortTag() == "!!bool":
			return Truth(n.Value == "true")
		}
		return Text(n.Value)
	}
	d := NewDocument()
	fill(&d.root, n, "")
	if often(50) {
		d.Header("about the file", "", "more about it")
	}
	if often(50) {
		d.Footer("the end")
	}
	return d
}

// sameModel fails if two files are not the same policy but for places.
func sameModel(t *testing.T, was, is []byte) {
	t.Helper()
	want, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: was}})
	got, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: is}})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(policy.Where{}, policy.Pos{}), cmpopts.IgnoreUnexported(policy.Policy{}, policy.Service{}), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})); diff != "" {
		t.Errorf("what was written is another policy (-was +is):\n%s\n%s\n%v", diff, is, ds)
	}
}

// TestBuildEveryKey writes every key of the language with its example.
func TestBuildEveryKey(t *testing.T) {
	language := words.Language()
	for i := range language {
		k := &language[i]
		sample := []byte(k.Sample(k.Example))
		n, diag := read.Document(policy.Source{Name: "sample", Data: sample})
		if diag != nil {
			t.Fatal(diag)
		}
		for seed := range uint64(8) {
			var r *rand.Rand
			if seed > 0 {
				r = rand.New(rand.NewPCG(seed, 1))
			}
			out := written(t, built(n, r))
			if !bytes.Contains(out, []byte(strings.TrimSuffix(k.Name(), "[]")+":")) {
				t.Errorf("%s is not in\n%s", k.Path, out)
			}
			sameModel(t, sample, out)
		}
	}
}

// TestBuildPolicies writes all policies of the repository anew.
func TestBuildPolicies(t *testing.T) {
	n := 0
	for i, text := range policies(t) {
		p, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
		tree, _ := read.Document(policy.Source{Name: "policy.yaml", Data: text})
		if p == nil || bytes.Contains(text, []byte("<<")) {
			continue
		}
		n++
		sameModel(t, text, written(t, built(tree, rand.New(rand.NewPCG(uint64(i), 2)))))
	}
	if n < 100 {
		t.Errorf("only %d policies were written", n)
	}
}

// FuzzBuild holds what written does for any tree, texts and comments.
func FuzzBuild(f *testing.F) {
	f.Add("web", "line 1: -A -t 203.0.113.10:80", "-s wrr", uint64(1))
	f.Add("80", " two\r\nlines\x00 and \u2028 more ", "#", uint64(2))
	f.Add("- x", "", "\ufeff\xff", uint64(3))
	f.Fuzz(func(t *testing.T, text, above, behind string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		var value func(depth int) Value
		value = func(depth int) Value {
			switch kind := r.IntN(5); {
			case kind == 0 && depth < 4:
				m := &Mapping{brackets: r.IntN(2) == 0}
				for i := range r.IntN(4) {
					m.Set(fmt.Sprintf("k%d", i), value(depth+1)).Above([]string{above, ""}[:r.IntN(3)]...).Behind([]string{behind, ""}[r.IntN(2)])
				}
				return m
			case kind == 1 && depth < 4:
				l := &List{brackets: r.IntN(2) == 0}
				for range r.IntN(4) {
					l.Add(value(depth + 1)).Above([]string{above, ""}[:r.IntN(3)]...).Behind([]string{behind, ""}[r.IntN(2)])
				}
				return l
			case kind == 2:
				return Number(int(seed))
			}
			return Text(text)
		}
		d := NewDocument()
		d.Header([]string{above, "", behind}[:r.IntN(4)]...)
		for i := range r.IntN(4) {
			d.Set(fmt.Sprintf("x-%d", i), value(0)).Above([]string{"", above}[:r.IntN(3)]...).Behind([]string{behind, ""}[r.IntN(2)])
		}
		d.Footer([]string{above, "", behind}[:r.IntN(4)]...)
		written(t, d)
	})
}
