package law

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// walker goes through states of a policy as an agent does: real servers that go are evicted at
// once, and the table is made as it should be now and then.
type walker struct {
	written  *policy.Policy
	arranged *compiler.Arrangement
	outline  *compiler.Outline
	now      *policy.Policy
	table    *nft.Ruleset
	odd      map[string]compiler.Fragment
	byData   int // services that were evicted by data alone
}

func newWalker(p *policy.Policy) (*walker, bool) {
	w := &walker{written: p, arranged: compiler.Arrange(p), now: p, odd: make(map[string]compiler.Fragment)}
	w.table, _ = compiler.Compile(p)
	w.outline, _ = w.arranged.Outline(p)
	return w, w.table != nil && w.outline != nil
}

func service(p *policy.Policy, name string) *policy.Service {
	return &p.Services[slices.IndexFunc(p.Services, func(s policy.Service) bool { return s.Name == name })]
}

func (w *walker) fragment(s *policy.Service) compiler.Fragment {
	f, ds := w.arranged.Serving(s)
	if ds.Err() != nil {
		panic(ds)
	}
	return f
}

// evict goes on to another state.
func (w *walker) evict(state policy.State) error {
	next := w.written.With(state)
	var swaps []compiler.Swap
	for i := range next.Services {
		name := next.Services[i].Name
		was, ok := w.odd[name]
		if !ok {
			was = w.fragment(service(w.now, name))
		}
		to := w.fragment(&next.Services[i])
		evicted, ok := was.Evict(to)
		if delete(w.odd, name); ok {
			w.odd[name] = evicted
			w.byData++
		} else {
			evicted = to
		}
		swaps = append(swaps, compiler.Swap{Was: was, Is: evicted})
	}
	w.now = next
	return w.change(swaps)
}

// reshape makes the table that the state should have.
func (w *walker) reshape() error {
	var swaps []compiler.Swap
	for i := range w.now.Services {
		if odd, ok := w.odd[w.now.Services[i].Name]; ok {
			swaps = append(swaps, compiler.Swap{Was: odd, Is: w.fragment(&w.now.Services[i])})
		}
	}
	clear(w.odd)
	return w.change(swaps)
}

// change makes of the table what a transition says: all else in it stays.
func (w *walker) change(swaps []compiler.Swap) error {
	t, ds := w.outline.Change(swaps)
	if ds.Err() != nil {
		return ds.Err()
	}
	next := *w.table
	next.Chains = slices.DeleteFunc(slices.Clone(w.table.Chains), func(c *nft.Chain) bool { return t.Live.Chain(c.Name) != nil })
	next.Chains = append(next.Chains, t.Want.Chains...)
	next.Sets = slices.DeleteFunc(slices.Clone(w.table.Sets), func(s *nft.Set) bool { return t.Live.Set(s.Name) != nil && t.Want.Set(s.Name) == nil })
	for _, is := range t.Want.Sets {
		was := t.Live.Set(is.Name)
		at := slices.IndexFunc(next.Sets, func(s *nft.Set) bool { return s.Name == is.Name })
		if at < 0 {
			next.Sets = append(next.Sets, is)
			continue
		}
		own := *next.Sets[at]
		own.Elements = slices.Clone(own.Elements)
		for _, e := range was.Elements {
			n := slices.IndexFunc(own.Elements, func(o nft.Element) bool { return o == e })
			if n < 0 {
				return fmt.Errorf("%s is said to hold %s, and does not", own.Name, own.ElementString(e))
			}
			own.Elements = slices.Delete(own.Elements, n, n+1)
		}
		own.Elements = append(own.Elements, is.Elements...)
		next.Sets[at] = &own
	}
	t.Done()
	w.table = &next
	return nil
}

// check sends packets through the table, which must decide as the policy does in its state.
func (w *walker) check(random *rand.Rand, fair bool) error {
	m, err := NewMachine(w.table)
	if err != nil {
		return err
	}
	l := &Law{Policy: w.now, Machine: m}
	for _, pkt := range Packets(random, w.now, packetsEach) {
		if fair {
			err = l.Check(pkt)
		} else {
			d := w.now.Decide(pkt.Packet)
			var outcomes []Outcome
			if outcomes, err = m.Run(pkt, nil); err == nil {
				err = served(&d, pkt, outcomes)
			}
		}
		if err != nil {
			return fmt.Errorf("packet %s: %w", pkt, err)
		}
	}
	return nil
}

// served holds that a table in which services were evicted sends nobody to a real server that takes
// no connections. Those that have come back may have none yet, so that a service, too, may still be
// closed.
func served(d *policy.Decision, pkt Packet, outcomes []Outcome) error {
	for _, o := range outcomes {
		if o.DNAT.IsValid() && !slices.Contains(d.DNAT, o.DNAT) {
			return fmt.Errorf("%s is sent to %s, which takes no new connections", pkt, o.DNAT)
		}
	}
	return nil
}

// After any walk through states the table is that of a compile of the state, and while it waits for
// that no packet reaches a real server that is gone.
func TestWalksOfStates(t *testing.T) {
	byData, walks := 0, 0
	for seed := range uint64(250) {
		p, random, yaml := drawn(t, seed)
		if p == nil {
			continue
		}
		w, ok := newWalker(p)
		if !ok {
			continue
		}
		for step := range 5 {
			fail := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatalf("LAW_SEEDS=%d, step %d: %v\n%s", seed, step, err, yaml)
				}
			}
			state := State(random, p)
			if compiledWith(p, state) == nil {
				break // the real servers that are left are refused
			}
			fail(w.evict(state))
			fail(w.check(random, false))
			if random.IntN(3) == 0 {
				continue
			}
			fail(w.reshape())
			want := compiledWith(p, state)
			if a, b := script(t, inOrder(w.table, want)), script(t, want); a != b {
				t.Fatalf("LAW_SEEDS=%d, step %d: the table is\n%s\nwant\n%s\n%s", seed, step, a, b, yaml)
			}
			fail(w.check(random, true))
		}
		byData, walks = byData+w.byData, walks+1
	}
	if byData < 300 {
		t.Errorf("in %d walks only %d services were evicted by data", walks, byData)
	}
}

func compiledWith(p *policy.Policy, state policy.State) *nft.Ruleset {
	r, _ := compiler.Compile(p.With(state))
	return r
}

// inOrder returns a table with its sets and chains in the order of another.
func inOrder(r, like *nft.Ruleset) *nft.Ruleset {
	out := *r
	at := func(s *nft.Set) int {
		return slices.IndexFunc(like.Sets, func(o *nft.Set) bool { return o.Name == s.Name })
	}
	out.Sets = slices.Clone(r.Sets)
	slices.SortStableFunc(out.Sets, func(a, b *nft.Set) int { return at(a) - at(b) })
	place := func(c *nft.Chain) int {
		return slices.IndexFunc(like.Chains, func(o *nft.Chain) bool { return o.Name == c.Name })
	}
	out.Chains = slices.Clone(r.Chains)
	slices.SortStableFunc(out.Chains, func(a, b *nft.Chain) int { return place(a) - place(b) })
	return &out
}
