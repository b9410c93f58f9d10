package law

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
)

// drawn is a policy with sorry servers and the numbers to go on with; nil if it is refused.
func drawn(t testing.TB, seed uint64) (*policy.Policy, *rand.Rand, []byte) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	yaml, _ := Policy(random)
	l, err := New(yaml)
	if errors.Is(err, ErrRefused) {
		return nil, nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	Sorry(random, l.Policy)
	return l.Policy, random, yaml
}

// In every state a policy's table decides about packets as the policy does in that state, and is
// the sum of fragments of services that are compiled by the arrangement of the policy as written.
func TestStates(t *testing.T) {
	tried := 0
	for seed := range uint64(200) {
		p, random, yaml := drawn(t, seed)
		if p == nil {
			continue
		}
		written := compiler.Arrange(p)
		for step := range 3 {
			now := p.With(State(random, p))
			if !reflect.DeepEqual(compiler.Arrange(now), written) {
				t.Fatalf("LAW_SEEDS=%d: the arrangement depends on the state\n%s", seed, yaml)
			}
			want, ds := compiler.Compile(now)
			if ds.Err() != nil {
				continue
			}
			tried++
			got, err := sumBy(written, now)
			if err != nil {
				t.Fatalf("LAW_SEEDS=%d: %v", seed, err)
			}
			if a, b := script(t, got), script(t, want); a != b {
				t.Fatalf("LAW_SEEDS=%d, step %d: the sum of fragments is another table:\n%s\nwant\n%s", seed, step, a, b)
			}
			m, err := NewMachine(want)
			if err != nil {
				t.Fatal(err)
			}
			l := &Law{Policy: now, Machine: m}
			for _, pkt := range Packets(random, now, packetsEach) {
				if err := l.Check(pkt); err != nil {
					t.Fatalf("LAW_SEEDS=%d, step %d: packet %s: %v\n%s", seed, step, pkt, err, yaml)
				}
			}
		}
	}
	if tried < 250 {
		t.Errorf("only %d states were tried", tried)
	}
}
