package nftlink

import (
	"context"
	"fmt"
	"os"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// Try asks the kernel whether it would take a table, and changes nothing: the transaction has
// no end, so the kernel validates it and then throws it away (nfnetlink_rcv_batch), as for
// `nft -c`. The table is sent under a name of its own and switched off, with one element in
// each set. A *RefusedError names the first object that the kernel does not take. Kernels that
// keep the state of the validation with the table, which is thrown away (6.18 does), do not
// tell of an expression that is not allowed at a hook; nor does `nft -c`.
func (c *Conn) Try(ctx context.Context, r *nft.Ruleset) error {
	sample := sampleOf(r)
	want, err := wire.Forms(sample)
	if err != nil {
		return err
	}
	t, err := wire.EncodeTry(want, c.seq+1)
	if err != nil {
		return err
	}
	return c.exchange(ctx, t)
}

// sampleOf returns a ruleset of the same sets, chains and rules that is cheap to try, under
// a name that no other has.
func sampleOf(r *nft.Ruleset) *nft.Ruleset {
	sample := *r
	sample.Table, sample.Sets = fmt.Sprintf("snatctl-try-%d", os.Getpid()), nil
	if r.Flowtable != nil {
		sample.Flowtable = &nft.Flowtable{Name: r.Flowtable.Name} // devices would be hooked at once (nf_tables_newflowtable)
	}
	for _, s := range r.Sets {
		one := *s
		one.Elements = s.Elements[:min(1, len(s.Elements))]
		sample.Sets = append(sample.Sets, &one)
	}
	return &sample
}
