package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/internal/law"
	"github.com/snatctl/snatctl/internal/soak"
	"github.com/snatctl/snatctl/policy"
)

// TestLawKernelStates walks made-up policies through states, as an agent does, and sends packets:
// what becomes of them must be what policy.Decide says of the policy in its state. LAW_SEEDS chooses
// other policies.
func TestLawKernelStates(t *testing.T) {
	t.Parallel()
	from, to := lawSeeds(t, uint64(soak.Count(25, 3000)), 5)
	k := newKernel(t)
	states := 0
	for seed := from; seed < to; seed++ {
		n, err := k.walk(t, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatalf("LAW_SEEDS=%d: %v", seed, err)
		}
		states += n
	}
	t.Logf("%d policies, %d states, %d packets (%d flows)", to-from, states, k.sent, k.flows)
	if states == 0 || k.flows == 0 {
		t.Error("nothing was tried")
	}
}

// walk goes through a few states of a policy, and returns how many.
func (k *kernel) walk(t *testing.T, r *rand.Rand) (states int, err error) {
	yaml, _ := law.Policy(r)
	yaml = law.WithoutSynProxy(yaml)
	p, ds := law.Parse(yaml)
	must(t, ds.Err())
	loosen(p)
	law.Sorry(r, p)
	w, ds := gateway.Compile(p, nil)
	if ds.Err() != nil || len(p.Services) == 0 {
		return 0, nil
	}
	must(t, k.apply(t.Context(), w.Ruleset))
	var g *gateway.Gateway
	var f *gateway.Force
	must(t, k.Gateway.Do(func() (err error) {
		if g, err = gateway.Hold(gateway.Options{Table: p.Gateway.Table, StateDir: t.TempDir()}); err == nil {
			f, err = g.Adopt(t.Context(), w)
		}
		return err
	}))
	defer func() { must(t, k.Gateway.Do(func() error { g.Close(); return nil })) }()
	for range 3 {
		state := law.State(r, p)
		for name, st := range f.Policy().State().Services {
			if _, ok := state.Services[name]; !ok {
				state.Services[name] = st
			}
		}
		now := p.With(state)
		if _, ds := compiler.Compile(now); ds.Err() != nil {
			return states, nil
		}
		err := k.Gateway.Do(func() error { return turn(t, f, state, r) })
		if errors.Is(err, gateway.ErrWhole) {
			return states, nil
		}
		if err == nil {
			err = k.check(t, now, r)
		}
		if err != nil {
			return states, fmt.Errorf("state %v: %w\n%s", state, err, yaml)
		}
		states++
	}
	return states, nil
}

// turn gives services their states, in one or several steps.
func turn(t *testing.T, f *gateway.Force, state policy.State, r *rand.Rand) error {
	var changes []gateway.ServiceChange
	for name, st := range state.Services {
		changes = append(changes, gateway.ServiceChange{Service: name, State: st})
		if r.IntN(3) == 0 {
			if err := f.Evict(t.Context(), changes); err != nil {
				return err
			}
			changes = nil
		}
	}
	if err := f.Evict(t.Context(), changes); err != nil {
		return err
	}
	return f.Reshape(t.Context())
}
