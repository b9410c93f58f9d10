package law

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// The table of a policy is the sum of the fragments of its services and zones.
func TestTablesAreSumsOfFragments(t *testing.T) {
	for seed := range uint64(400) {
		yaml, _ := Policy(rand.New(rand.NewPCG(seed, 0)))
		l, err := New(yaml)
		if errors.Is(err, ErrRefused) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want, _ := compiler.Compile(l.Policy)
		got, err := sum(l.Policy)
		if err != nil {
			t.Fatalf("LAW_SEEDS=%d: %v", seed, err)
		}
		if a, b := script(t, got), script(t, want); a != b {
			t.Fatalf("LAW_SEEDS=%d: the sum of fragments is another table:\n%s\nwant\n%s", seed, a, b)
		}
	}
}

func sum(p *policy.Policy) (*nft.Ruleset, error) { return sumBy(compiler.Arrange(p), p) }

// sumBy adds up the fragments of a policy's services and zones.
func sumBy(a *compiler.Arrangement, p *policy.Policy) (*nft.Ruleset, error) {
	var fragments []compiler.Fragment
	for i := range p.Services {
		f, ds := a.Service(&p.Services[i])
		if ds.Err() != nil {
			return nil, ds.Err()
		}
		fragments = append(fragments, f)
	}
	zones, ds := a.Zones()
	if ds.Err() != nil {
		return nil, ds.Err()
	}
	r, ds := a.Sum(append(fragments, zones)...)
	return r, ds.Err()
}

func script(t *testing.T, r *nft.Ruleset) string {
	t.Helper()
	sorted := *r
	sorted.Sets = slices.Clone(r.Sets)
	for i, s := range sorted.Sets { // elements have no order
		own := *s
		own.Elements = slices.Clone(s.Elements)
		slices.SortFunc(own.Elements, func(a, b nft.Element) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
		sorted.Sets[i] = &own
	}
	var b bytes.Buffer
	if err := sorted.WriteScript(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
