package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
)

// Evict gives services new states, as far as that cannot wait: when it returns, no new connection
// reaches a real server that takes none in its state, and persistent services have forgotten its
// clients. It is one transaction, mostly of data alone, which the kernel takes at once; the rest is
// for Reshape. What others have changed in the ruleset meanwhile does not hold it up, and is not looked for
// (Generation tells who compares it with the kernel's). An IncompleteError says that clients may be left.
// Any other error that is no StaleError has changed nothing.
func (f *Force) Evict(ctx context.Context, changes []ServiceChange) error {
	if err := f.usable(); err != nil {
		return err
	}
	is, states := make(map[string]*policy.Service, len(changes)), make(map[string]policy.ServiceState, len(changes))
	for _, c := range changes { // the last one counts
		s, err := f.service(c.Service)
		if err != nil {
			return err
		}
		is[c.Service], states[c.Service] = s.With(c.State), c.State
	}
	names := slices.Sorted(maps.Keys(is))
	swaps, done := make([]compiler.Swap, len(names)), make([]bool, len(names))
	for i, name := range names {
		was, err := f.stands(name)
		if err != nil {
			return err
		}
		to, err := f.compiled(is[name])
		if err != nil {
			return err
		}
		evicted, ok := was.Evict(to)
		if !ok {
			evicted, done[i] = to, true
		}
		swaps[i] = compiler.Swap{Was: was, Is: evicted}
	}
	if err := f.carryOut(ctx, swaps); err != nil {
		return err
	}
	for i, name := range names {
		if f.state.Services[name] = states[name]; is[name] == f.written[name] {
			delete(f.state.Services, name)
		}
		if delete(f.odd, name); !done[i] {
			f.odd[name] = swaps[i].Is
		}
	}
	return f.release(ctx, is, swaps)
}

// Reshape makes the table that a compile of the policy in its state gives, in one transaction:
// every service that waits for it gets the slots and chains that it needs. What services and real
// servers have counted goes on.
func (f *Force) Reshape(ctx context.Context) error {
	if err := f.usable(); err != nil {
		return err
	}
	var swaps []compiler.Swap
	for _, name := range slices.Sorted(maps.Keys(f.odd)) {
		to, err := f.compiled(f.now(name))
		if err != nil {
			return err
		}
		swaps = append(swaps, compiler.Swap{Was: f.odd[name], Is: to})
	}
	if err := f.carryOut(ctx, swaps); err != nil {
		return err
	}
	clear(f.odd)
	return nil
}

// ErrWhole says that a change of services needs the table made anew: that takes a Commit of the policy
// in its state. Nothing was changed.
var ErrWhole = errors.New("the change needs the whole table made anew: apply the policy")

// carryOut sends what turns the fragments of services into others.
func (f *Force) carryOut(ctx context.Context, swaps []compiler.Swap) error {
	t, ds := f.outline.Change(swaps)
	if ds.Err() != nil {
		return ds.Err()
	}
	if err := f.change(ctx, t.Live, t.Want); err != nil {
		return err
	}
	t.Done()
	return nil
}

// change sends what makes a part of the table another.
func (f *Force) change(ctx context.Context, live, want *nft.Ruleset) error {
	plan, err := planOf(live, want)
	if err != nil {
		return err
	}
	if plan = readback.Carry(f.g.conn.Count(ctx, plan)); plan.Empty() {
		return nil
	}
	if err := f.commit(func(at nftlink.Generation) error { return f.g.conn.Apply(ctx, plan, at) }); err != nil {
		return blame(live, want, err)
	}
	return nil
}

// commit has a transaction sent, and follows the generation through it. If others have changed the ruleset
// since it was known, that is mostly a table of their own, so the transaction is sent all the same: it names
// nothing but the parts of services in this table, and the kernel refuses all of it if they are not there. The
// generation then stays behind the kernel's: who compares the two finds what others did to this table.
func (f *Force) commit(send func(at nftlink.Generation) error) error {
	err := send(f.generation)
	if errors.Is(err, nftlink.ErrStale) {
		err = send(whatever)
	}
	switch {
	case err == nil:
		f.generation = f.generation.After(1)
	case errors.Is(err, nftlink.ErrStale), errors.Is(err, nftlink.ErrUnknown):
		f.lost = &StaleError{err}
		return f.lost
	}
	return err
}

// whatever is no generation: a transaction that names it is carried out at any.
const whatever nftlink.Generation = 0

// planOf returns what makes a part of the table another. Its rules have no handles, so where some of a
// chain's change all of them are replaced.
func planOf(was, is *nft.Ruleset) (nft.Plan, error) {
	live, err := wire.Forms(was)
	if err != nil {
		return nft.Plan{}, err
	}
	want, err := wire.Forms(is)
	if err != nil {
		return nft.Plan{}, err
	}
	plan := nft.Diff(live.Replacing(want), want)
	if plan.Whole != nft.Keep {
		return nft.Plan{}, ErrWhole
	}
	return plan, nil
}
