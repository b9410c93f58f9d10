package gateway

import (
	"context"

	"github.com/snatctl/snatctl/policy"
)

// Steer gives uplinks new states: when it returns, new connections leave by others than those that are down.
// If the table has to be made anew for that, it is ErrWhole, and nothing was changed.
func (f *Force) Steer(ctx context.Context, uplinks map[string]policy.UplinkState) error {
	return ErrWhole
}
