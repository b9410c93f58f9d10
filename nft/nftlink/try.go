package nftlink

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// tableDormant is NFT_TABLE_F_DORMANT (include/uapi/linux/netfilter/nf_tables.h): base chains
// are checked and registered nowhere.
const tableDormant = 1

// Try asks the kernel whether it would take a table, and changes nothing: the transaction has
// no end, so the kernel validates it and then throws it away (nfnetlink_rcv_batch), as for
// `nft -c`. The table is sent under a name of its own and switched off, with one element in
// each set. A *RefusedError names the first object that the kernel does not take. Kernels that
// keep the state of the validation with the table, which is thrown away (6.18 does), do not
// tell of an expression that must not stand at a hook; nor does `nft -c`.
func (c *Conn) Try(ctx context.Context, r *nft.Ruleset) error {
	sample := sampleOf(r)
	want, err := Forms(sample)
	if err != nil {
		return err
	}
	t := &batch{seq: c.seq, first: c.seq + 1, table: sample.Table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	t.start(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, origin{})
	t.b = nfnl.AppendU32(t.b, unix.NFTA_TABLE_FLAGS, tableDormant)
	t.end()
	if err := t.ops(nft.Diff(nil, want)); err != nil {
		return err
	}
	t.ask()
	return c.exchange(ctx, t, t.seq)
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
