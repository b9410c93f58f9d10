package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
)

// newServer is an address that no real server of a sample has.
const newServer = "172.31.255.1"

// changes is what changing one real server took.
type changes struct {
	move, moveNft loads // a real server gets another address
	add, addNft   loads // a service gets one more
}

// change lets one service change in a small policy and in a large one.
func (b *bench) change(ctx context.Context) error {
	few, err := b.changeAt(ctx, b.size.smallServices)
	if err != nil {
		return err
	}
	many, err := b.changeAt(ctx, b.size.services)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what            string
		few, many, nftf loads
	}{
		{"one RS gets another address", few.move, many.move, many.moveNft},
		{"one RS more", few.add, many.add, many.addNft},
	} {
		b.add(row{
			what: fmt.Sprintf("%s, of %d services: commit", c.what, b.size.services),
			ours: c.many.commit.Seconds(), theirs: "nft -f: " + c.nftf.wall.Seconds(), ratio: c.many.commit.Over(c.nftf.wall),
			need: "< 2 ms", ok: c.many.commit.Median() < 0.002,
		})
		growth := c.many.commit.Over(c.few.commit)
		b.add(row{
			what: "  grows with the policy",
			ours: c.many.commit.Seconds(), theirs: fmt.Sprintf("of %d: %s", b.size.smallServices, c.few.commit.Seconds()), ratio: growth,
			need: "<= 1.5", ok: growth.Median() <= 1.5,
		})
		b.add(row{
			what: "  compile + diff", ours: c.many.prepare.Seconds(),
			need: "< 150 ms", ok: c.many.prepare.Median() < 0.15,
		})
	}
	return nil
}

// changeAt applies a policy of that many services by the binary in one host and by nft -f in
// another, then changes one service there and back.
func (b *bench) changeAt(ctx context.Context, services int) (c changes, err error) {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return c, err
	}
	defer w.Close()
	ours, theirs := w.Gateway, w.Lab
	base := sample.Fleet{Services: services, Servers: b.size.servers}
	moved, added := base, base
	moved.First = append([]string{newServer}, base.ServersOf(0)[1:]...)
	added.First = append(base.ServersOf(0), newServer)

	file, err := b.write("base.yaml", base.Policy())
	if err != nil {
		return c, err
	}
	script, err := b.script(ctx, theirs, file)
	if err != nil {
		return c, err
	}
	if _, err := lab.Run(ctx, ours, b.snatctl, "apply", "-f", file); err != nil {
		return c, err
	}
	if _, err := lab.Run(ctx, theirs, "nft", "-f", script); err != nil {
		return c, err
	}
	lab.Pause()
	was, err := compiled(base.Policy())
	if err != nil {
		return c, err
	}
	for i := range b.n {
		b.say("  %d services, round %d of %d", services, i+1, b.n)
		for _, x := range []struct {
			fleet     sample.Fleet
			apply, by *loads
		}{{moved, &c.move, &c.moveNft}, {added, &c.add, &c.addNft}} {
			if err := b.thereAndBack(ctx, ours, theirs, file, was, x.fleet.Policy(), x.apply, x.by); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// thereAndBack measures a change by both contenders, and undoes it.
func (b *bench) thereAndBack(ctx context.Context, ours, theirs *nstest.Host, base string, was nft.Formed, text []byte, apply, by *loads) error {
	becomes, err := compiled(text)
	if err != nil {
		return err
	}
	file, err := b.write("changed.yaml", text)
	if err != nil {
		return err
	}
	there, err := b.write("there.nft", changeScript(nft.Diff(was.Ruleset(), becomes)))
	if err != nil {
		return err
	}
	back, err := b.write("back.nft", changeScript(nft.Diff(becomes.Ruleset(), was)))
	if err != nil {
		return err
	}
	if err := apply.take(ctx, ours, b.snatctl, "apply", "-f", file, "--timings"); err != nil {
		return err
	}
	if err := by.take(ctx, theirs, "nft", "-f", there); err != nil {
		return err
	}
	if _, err := lab.Run(ctx, ours, b.snatctl, "apply", "-f", base); err != nil {
		return err
	}
	_, err = lab.Run(ctx, theirs, "nft", "-f", back)
	return err
}

// changeScript writes a plan for nft -f, without the rules of new chains: nft 1.0.6 refuses
// a rule on a slot map that is in the kernel already ("conflicting protocols specified").
// That spares nft some work. Rules are only ever deleted with all others of their chain.
func changeScript(p nft.Plan) []byte {
	var s strings.Builder
	verbs := map[nft.Mark]string{nft.Add: "add", nft.Change: "add", nft.Delete: "delete"}
	elements := func(verb string, set *nft.Set, list []nft.Element) {
		for _, e := range list {
			fmt.Fprintf(&s, "%s element inet %s %s { %s }\n", verb, p.Table(), set.Name, set.ElementString(e))
		}
	}
	for _, op := range p.Ops {
		elements("delete", op.Set, op.Was) // what changes goes ahead of all that it may lead to
	}
	for _, op := range p.Ops {
		switch {
		case op.Set != nil && op.Elements != nil:
			elements(verbs[op.Mark], op.Set, op.Elements)
		case op.Chain != nil && op.Rules == nil:
			fmt.Fprintf(&s, "%s chain inet %s %s\n", verbs[op.Mark], p.Table(), op.Chain.Name)
		case op.Chain != nil && op.Mark == nft.Delete:
			fmt.Fprintf(&s, "flush chain inet %s %s\n", p.Table(), op.Chain.Name)
		}
	}
	return []byte(s.String())
}
