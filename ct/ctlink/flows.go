package ctlink

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
)

// Flows lists the flows of both families, in no order. The flow belongs to the loop's step:
// the next one overwrites it. An error ends the list; leaving the loop early is fine, but
// costs the next request the reading of the rest.
//
// The list is no snapshot. The kernel walks its table piece by piece while it changes: flows
// that begin or end meanwhile may be listed or not, and one may come twice
// (ctnetlink_dump_table starts a chain again when the flow where it stood is gone). A flow that
// stands all the time is listed, unless somebody resizes the table (nf_conntrack_buckets).
// Flows whose time is over are counted by Stats until the kernel sweeps them, and never listed.
func (c *Conn) Flows(ctx context.Context) iter.Seq2[*ct.Flow, error] {
	return func(yield func(*ct.Flow, error) bool) {
		var f ct.Flow
		var malformed error
		left := false // by the caller, who is not to be called again
		err := c.request(ctx, ctGet, unix.NLM_F_DUMP, func(b []byte) bool {
			if _, malformed = decode(b, &f); malformed != nil {
				return false
			}
			left = !yield(&f, nil)
			return !left
		})
		if left {
			return
		}
		if malformed != nil {
			err = malformed
		}
		if err != nil {
			yield(nil, fmt.Errorf("list flows: %w", err))
		}
	}
}
