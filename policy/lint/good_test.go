package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestGoodPolicies lints the policies that all packages take for good ones. spec.yaml alone
// is spoken about: it shows every key once, with pools that nothing uses.
func TestGoodPolicies(t *testing.T) {
	files, err := filepath.Glob("../../testdata/valid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies to test with: %v", err)
	}
	known := map[string]string{"spec.yaml": "[P02 P05 P06 P12 P13 Z06]"}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ds := lint(t, string(data), false)
			if want := known[filepath.Base(file)]; fmt.Sprint(codes(ds)) != want && (want != "" || len(ds) > 0) {
				t.Errorf("got %v, want %s:\n%s", codes(ds), want, ds.Error())
			}
		})
	}
}

// codes returns the codes that occur, sorted.
func codes(ds policy.Diagnostics) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestLargePolicies holds that large policies are linted to the end, and what about: each zone
// of the sample has a pool of a whole prefix and excludes nothing.
func TestLargePolicies(t *testing.T) {
	for _, c := range []struct {
		name string
		text []byte
		want int
	}{
		{"zones", sample.ZonesWithConditions(10_000, 1000), 2 * 10_000},
		{"services", sample.Services(30_000, 4), 0},
	} {
		if ds := lint(t, string(c.text), false); len(ds) != c.want {
			t.Errorf("%s: %d findings, want %d, of %v", c.name, len(ds), c.want, codes(ds))
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, size := range []struct {
		name string
		text []byte
	}{
		{"zones=10000", sample.ZonesWithConditions(10_000, 1000)},
		{"services=30000", sample.Services(30_000, 4)},
		{"nested=10000", nested(10_000)},
	} {
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: size.text}})
		if p == nil {
			b.Fatal(ds)
		}
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Check(p)
			}
		})
	}
}

// nested is a policy of n zones, half of them exceptions inside of each of the others, with
// services that all allow and deny a lot, and pools that share an address each.
func nested(n int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\nladdrs:\n")
	for i := range n / 2 {
		fmt.Fprintf(&b, "  p%d: [%s-%s]\n", i, sample.Addr("20.0.0.0", i), sample.Addr("20.0.0.0", i+1000))
	}
	b.WriteString("zones:\n")
	for i := range n / 2 {
		fmt.Fprintf(&b, "  - {name: e%d, from: %s, action: drop}\n", i, sample.Addr("10.0.0.0", 2*i))
	}
	for i := range n / 2 {
		fmt.Fprintf(&b, "  - {name: w%d, from: [10.0.0.0/8, %s], laddrs: p%d}\n", i, sample.Addr("11.0.0.0", i), i)
	}
	b.WriteString("services:\n")
	for i := range n / 10 {
		fmt.Fprintf(&b, "  - {name: s%d, vip: %s, ports: tcp/80, real_servers: [10.0.%d.1, 10.0.%d.3], allow: 10.0.0.0/8, deny: [10.0.0.0/28, 11.0.0.0/8]}\n", i, sample.Addr("30.0.0.0", i), i/256, i/256)
	}
	return b.Bytes()
}
