package integration

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/law"
	"github.com/snatctl/snatctl/internal/nstest"
	nftables "github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
)

// TestLawOracle lets nft judge the law's policies, which are nastier than those of
// TestRandomPolicies: the table that netlink makes, on the way from one policy to the next,
// is the one that nft makes of the script, and its listing loads again. LAW_SEEDS chooses
// other policies.
func TestLawOracle(t *testing.T) {
	t.Parallel()
	from, to := lawSeeds(t, 100, 10)
	walker, fresh := nstest.NewHost(t, "walker"), nstest.NewHost(t, "fresh")
	var conn *nftlink.Conn
	must(t, walker.Do(func() (err error) {
		conn, err = nftlink.Open()
		return err
	}))
	defer conn.Close()
	ctx, failures := context.Background(), 0
	for seed := from; seed < to && failures < 5; seed++ {
		yaml, _ := law.Policy(rand.New(rand.NewPCG(seed, 0)))
		p, ds := law.Parse(yaml)
		must(t, ds.Err())
		want, ds := compiler.Compile(p)
		must(t, ds.Err())
		var script strings.Builder
		must(t, want.WriteScript(&script))
		fail := func(format string, args ...any) {
			failures++
			t.Errorf("LAW_SEEDS=%d: "+format+"\n%s", append(append([]any{seed}, args...), yaml)...)
		}
		output(t, fresh, "nft", "flush", "ruleset")
		if r, err := fresh.RunInput(ctx, script.String(), "nft", "-f", "-"); err != nil || r.Code != 0 {
			fail("nft -f: %v %s", err, r.Stderr)
			continue
		}
		live, gen, err := conn.Read(ctx, want.Table)
		must(t, err)
		formed, err := wire.Forms(want)
		must(t, err)
		if err := conn.Apply(ctx, nftables.Diff(live, formed), gen); err != nil {
			fail("apply: %v", err)
			continue
		}
		live, _, err = conn.Read(ctx, want.Table)
		must(t, err)
		if plan := nftables.Diff(live, formed); !plan.Empty() {
			fail("a difference is left: %+v", plan)
			continue
		}
		ours, theirs := sortObjects(list(t, walker)), sortObjects(list(t, fresh))
		if ours != theirs {
			fail("apply makes\n%s\nnft makes\n%s", ours, theirs)
			continue
		}
		output(t, fresh, "nft", "flush", "ruleset")
		if r, err := fresh.RunInput(ctx, ours, "nft", "-f", "-"); err != nil || r.Code != 0 {
			fail("the listing does not load: %v %s\n%s", err, r.Stderr, ours)
			continue
		}
		if again := sortObjects(list(t, fresh)); again != ours {
			fail("the listing\n%s\nlists differently after loading it:\n%s", ours, again)
		}
	}
}
