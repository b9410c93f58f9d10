package gateway

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
)

// present is the table as it is at a generation.
type present struct {
	live       *nft.Ruleset // nil: there is no table
	generation nftlink.Generation
	commits    uint32 // of the connection, until then
}

// comparison is what is there, and what turns it into a wanted table.
type comparison struct {
	present
	plan nft.Plan
}

// read reads the table.
func (g *Gateway) read(ctx context.Context) (now present, err error) {
	g.tell(Reading)
	defer g.took(Reading, time.Now())
	now.live, now.generation, err = g.conn.Read(ctx, g.table)
	now.commits = g.conn.Commits()
	return now, err
}

// compare reads the table and compares it with the wanted one.
func (g *Gateway) compare(ctx context.Context, want *nft.Ruleset) (comparison, error) {
	now, err := g.read(ctx)
	if err != nil {
		return comparison{present: now}, err
	}
	return g.against(now, want)
}

// against compares a table that was read with the wanted one.
func (g *Gateway) against(now present, want *nft.Ruleset) (c comparison, err error) {
	c.present = now
	g.tell(Comparing)
	defer g.took(Comparing, time.Now())
	formed, err := wire.Forms(compiler.KeepSynProxy(c.live, compiler.KeepTimeouts(c.live, want)))
	if err != nil {
		return c, err
	}
	c.plan = readback.Carry(nft.Diff(c.live, formed))
	return c, nil
}

// measure says what the plan changes, in the policy's words and in numbers.
func (c *comparison) measure(want *nft.Ruleset) (d Difference, err error) {
	d.Rules, d.Elements = c.plan.Counts()
	if c.live != nil && !c.plan.Empty() {
		if err := recognize(c.live, c.plan.Want); err != nil {
			return d, err
		}
	}
	d.Changes = tell.Changes(c.live, compiler.KeepSynProxy(c.live, compiler.KeepTimeouts(c.live, want)), c.plan)
	return d, nil
}

// recognize spells the rules that were read from the kernel, as far as snatctl could have
// made them.
func recognize(live *nft.Ruleset, want nft.Formed) error {
	vocabulary, err := wire.Forms(compiler.Vocabulary())
	if err != nil {
		return err
	}
	live.Recognize(vocabulary)
	live.Recognize(want)
	return nil
}

// Diff tells what Apply would do. With cleanup it also finds the flows that this would end;
// where these cannot be told it warns.
func (g *Gateway) Diff(ctx context.Context, w *Wanted, cleanup bool) (r Result, err error) {
	if err := w.complete(ctx, g.conn); err != nil {
		return r, err
	}
	entries, _, unread := g.History(ctx)
	a, err := g.planAround(w, g.earlierAnnounced(entries))
	if err != nil {
		return r, err
	}
	a.count(&r)
	c, err := g.compare(ctx, w.Ruleset)
	if err != nil {
		return r, err
	}
	r.Table = !c.plan.Empty()
	g.warnOfSiblings(ctx, w)
	if cleanup && w.cleans() {
		was := before(c.live)
		if unread == nil {
			was = append(was, g.tables(g.leftoversOf(entries))...)
		}
		if r.Stale, r.Zoned, err = g.foresee(ctx, was, w); err != nil {
			g.tell(Warning{err})
		}
	}
	g.tell(Telling)
	defer g.took(Telling, time.Now())
	r.Difference, err = c.measure(w.Ruleset)
	r.tellAround(a, c.live)
	return r, err
}
