package policy_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestCompare runs the tests of the policies of testdata/expect.
func TestCompare(t *testing.T) {
	golden.Run(t, "testdata/expect/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		p, ds := read.Parse([]policy.Source{policy.Source(input[0])})
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		var out bytes.Buffer
		for i := range p.Tests {
			test := &p.Tests[i]
			d := p.Decide(p.Packet(test))
			fmt.Fprintln(&out, test.Name)
			for _, m := range test.Expect.Compare(&d) {
				fmt.Fprintf(&out, "    %s: want %s %s, got %s\n", m.Pos, m.Key, m.Want, m.Got)
			}
		}
		return []golden.File{{Name: "want", Data: out.Bytes()}}
	})
}

// TestReferencePolicy runs the tests that the reference policy brings along.
func TestReferencePolicy(t *testing.T) {
	p, ds := read.Load([]string{"../testdata/valid/spec.yaml"}, nil)
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	if len(p.Tests) != 3 {
		t.Fatalf("the policy has %d tests, want 3", len(p.Tests))
	}
	for i := range p.Tests {
		d := p.Decide(p.Packet(&p.Tests[i]))
		for _, m := range p.Tests[i].Expect.Compare(&d) {
			t.Errorf("%s: want %s %s, got %s", p.Tests[i].Name, m.Key, m.Want, m.Got)
		}
	}
}
