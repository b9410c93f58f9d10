package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// Force is the table in force as the engine knows it: the policy with its state, and the
// generation of the ruleset. With it services change while the rest is neither compiled nor read.
//
// A change comes in two steps. Evict is for what cannot wait: real servers that go get no new
// connections any more when it returns. Reshape makes the table that a compile of the state gives;
// many changes may share one.
//
// It is not safe for concurrent use, nor beside another use of its Gateway.
type Force struct {
	g        *Gateway
	policy   *policy.Policy // as it is written
	state    policy.State
	written  map[string]*policy.Service // by name, without a state
	arranged *compiler.Arrangement
	outline  *compiler.Outline
	clients  *compiler.Clients            // nil: no service is persistent
	called   func() *policy.Called        // indexes policy when somebody first asks
	odd      map[string]compiler.Fragment // what the table has of services that wait for Reshape

	generation nftlink.Generation
	forgot     uint32 // Gateway.forgot at that generation
	lost       error  // why the table is not known any more
}

// ServiceChange is a service's new state, which takes the place of the one before.
type ServiceChange struct {
	Service string
	State   policy.ServiceState
}

// ErrNotInForce says that the table differs from the policy that it is said to hold.
var ErrNotInForce = errors.New("the table is not as the policy says")

// StaleError says that it is not known what became of a change. Adopt, or a Commit, reads the table anew.
type StaleError struct{ Err error }

// Error returns the reason.
func (e *StaleError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *StaleError) Unwrap() error { return e.Err }

// Adopt reads the table and returns it as one in force, if it is as the policy says: otherwise it
// fails with ErrNotInForce. Routes and flows are not looked at.
func (g *Gateway) Adopt(ctx context.Context, w *Wanted) (*Force, error) {
	if g.lock == nil {
		return nil, ErrNotHeld
	}
	if err := w.complete(ctx, g.conn); err != nil {
		return nil, err
	}
	c, err := g.compare(ctx, w.Ruleset)
	if err != nil {
		return nil, err
	}
	if !c.plan.Empty() {
		return nil, ErrNotInForce
	}
	return g.force(w, c.generation)
}

// Force returns the table that the change has put in force. If others have changed the ruleset
// since, its first use says so.
func (c *Change) Force() (*Force, error) {
	return c.g.force(c.w, c.did.generation.After(c.g.conn.Commits()-c.did.commits))
}

func (g *Gateway) force(w *Wanted, at nftlink.Generation) (*Force, error) {
	f := &Force{g: g, policy: w.Policy.Written(), state: policy.State{Services: make(map[string]policy.ServiceState), Uplinks: make(map[string]policy.UplinkState)}, generation: at, forgot: g.forgot, arranged: compiler.Arrange(w.Policy),
		written: make(map[string]*policy.Service, len(w.Policy.Services)), odd: make(map[string]compiler.Fragment)}
	maps.Copy(f.state.Services, w.Policy.State().Services)
	maps.Copy(f.state.Uplinks, w.Policy.State().Uplinks)
	for i := range f.policy.Services {
		s := &f.policy.Services[i]
		f.written[s.Name] = s
	}
	var ds policy.Diagnostics
	if f.outline, ds = f.arranged.Outline(w.Policy); ds.Err() != nil {
		return nil, ds.Err()
	}
	f.clients, f.called = compiler.ClientsOf(f.policy), sync.OnceValue(f.policy.Called)
	return f, nil
}

// Generation returns the generation of the ruleset at which the table is known.
func (f *Force) Generation() nftlink.Generation {
	f.generation, f.forgot = f.generation.After(f.g.forgot-f.forgot), f.g.forgot
	return f.generation
}

// Policy returns the policy with its state, as the changes so far make it.
func (f *Force) Policy() *policy.Policy { return f.policy.With(f.state.Clone()) }

// Pending tells how many services wait for Reshape.
func (f *Force) Pending() int { return len(f.odd) }

// usable tells whether the table is known, and may be changed.
func (f *Force) usable() error {
	switch {
	case f.g.lock == nil:
		return ErrNotHeld
	case f.lost != nil:
		return f.lost
	}
	f.Generation() // follows what the gateway did itself
	return nil
}

// stands returns what the table has of a service.
func (f *Force) stands(name string) (compiler.Fragment, error) {
	if odd, ok := f.odd[name]; ok {
		return odd, nil
	}
	return f.compiled(f.now(name))
}

// now returns a service of the policy in its state.
func (f *Force) now(name string) *policy.Service { return f.written[name].With(f.state.Services[name]) }

func (f *Force) compiled(s *policy.Service) (compiler.Fragment, error) {
	fragment, ds := f.arranged.Serving(s)
	return fragment, ds.Err()
}

// service returns a service as it is written.
func (f *Force) service(name string) (*policy.Service, error) {
	if s := f.written[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("the policy in force has no service %s", name)
}
