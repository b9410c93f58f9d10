package gateway

import (
	"context"
	"maps"

	"github.com/snatctl/snatctl/policy"
)

// Steer gives uplinks new states: when it returns, new connections leave by others than those that are down.
// It is one transaction of data alone, which the kernel takes at once. An error that is no StaleError has
// changed nothing.
func (f *Force) Steer(ctx context.Context, uplinks map[string]policy.UplinkState) error {
	if err := f.usable(); err != nil {
		return err
	}
	was, is := f.policy.With(policy.State{Uplinks: f.state.Uplinks}), f.policy.With(policy.State{Uplinks: uplinks})
	live, want := f.outline.Steer(was, is)
	if err := f.change(ctx, live, want); err != nil {
		return err
	}
	f.state.Uplinks = maps.Clone(uplinks)
	return nil
}
