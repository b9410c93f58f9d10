package law

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/inet"
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

// Real servers drain one after the other. While only the data of their slots has changed, and
// again after the table was made anew, it decides about every packet as the policy does.
func TestSequencesOfWeights(t *testing.T) {
	evictions := 0
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 0))
		yaml, _ := Policy(random)
		l, err := New(yaml)
		if errors.Is(err, ErrRefused) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for step := range 4 {
			next, done, err := drainOne(random, l)
			if err != nil {
				t.Fatalf("LAW_SEEDS=%d, step %d: %v\n%s", seed, step, err, yaml)
			}
			if done {
				evictions++
			}
			l = next
		}
	}
	if evictions < 100 {
		t.Errorf("only %d real servers were evicted", evictions)
	}
}

// drainOne takes one real server's weight away, by data first, and returns the law of the policy
// that says so; false where nobody was to drain, or none would be left.
func drainOne(random *rand.Rand, l *Law) (*Law, bool, error) {
	p := l.Policy
	if len(p.Services) == 0 {
		return l, false, nil
	}
	i := random.IntN(len(p.Services))
	s := &p.Services[i]
	active := append(s.Active(inet.V4), s.Active(inet.V6)...)
	if len(active) == 0 {
		return l, false, nil
	}
	gone := active[random.IntN(len(active))]
	was, _ := compiler.Arrange(p).Service(s)

	after := *p
	after.Services = slices.Clone(p.Services)
	after.Services[i].RealServers = slices.Clone(s.RealServers)
	for k, rs := range after.Services[i].RealServers {
		if rs == gone {
			after.Services[i].RealServers[k].Weight = 0
		}
	}
	fresh, ds := compiler.Compile(&after)
	if ds.Err() != nil {
		return l, false, nil
	}
	m, err := NewMachine(fresh)
	if err != nil {
		return nil, false, err
	}
	next := &Law{Policy: &after, Machine: m}

	evicted, ok := was.Evict(s, []policy.RealServer{gone})
	if !ok {
		return next, false, nil
	}
	plan, ok := was.PlanTo(evicted, p.Gateway.Table)
	if !ok {
		return nil, false, fmt.Errorf("%s of %s cannot be evicted by data", gone, s.Name)
	}
	live, _ := compiler.Compile(p)
	if err := rewrite(live, plan); err != nil {
		return nil, false, err
	}
	between, err := NewMachine(live)
	if err != nil {
		return nil, false, err
	}
	for _, pkt := range Packets(random, &after, packetsEach) {
		d := after.Decide(pkt.Packet)
		outcomes, err := between.Run(pkt, nil)
		if err == nil {
			err = agree(&d, pkt, outcomes)
		}
		if err != nil {
			return nil, false, fmt.Errorf("%s of %s is evicted, packet %s: %w", gone, s.Name, pkt, err)
		}
		if err := next.Check(pkt); err != nil {
			return nil, false, fmt.Errorf("%s of %s drains, packet %s: %w", gone, s.Name, pkt, err)
		}
	}
	return next, true, nil
}

// rewrite carries out a plan that changes elements of maps alone, and refuses any other. Each
// element that it deletes comes back with the same key: no counter but that of a slot which
// changes hands begins again.
func rewrite(r *nft.Ruleset, plan nft.Plan) error {
	changed := map[string]int{}
	for _, op := range plan.Ops {
		if op.Set == nil || op.Elements == nil {
			return fmt.Errorf("the plan does more than change elements: %+v", op)
		}
		set := r.Set(op.Set.Name)
		for _, e := range op.Elements {
			at := slices.IndexFunc(set.Elements, func(o nft.Element) bool { return o.Key == e.Key })
			if at < 0 || op.Set.Data == nft.VerdictData || op.Set.Data == nft.NoData {
				return fmt.Errorf("the plan touches %s of %s", set.ElementString(e), set.Name)
			}
			if op.Mark == nft.Delete {
				changed[set.Name+e.Key]--
				continue
			}
			changed[set.Name+e.Key]++
			set.Elements[at] = e
		}
	}
	for key, n := range changed {
		if n != 0 {
			return fmt.Errorf("an element goes, or comes, without its like: %q", key)
		}
	}
	return nil
}
