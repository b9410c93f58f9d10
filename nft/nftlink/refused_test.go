package nftlink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// steady fails unless the whole ruleset is the same after f as before, handles and all.
func (g *gateway) steady(f func()) {
	g.t.Helper()
	before := g.output("-a", "list", "ruleset")
	f()
	if after := g.output("-a", "list", "ruleset"); after != before {
		g.t.Errorf("the ruleset was\n%s\nand is\n%s", before, after)
	}
}

// uncommitted fails if an attempt makes a new generation of the ruleset. It returns its error.
func (g *gateway) uncommitted(attempt func() error) error {
	g.t.Helper()
	_, gen := g.read("none")
	err := attempt()
	if _, now := g.read("none"); now != gen {
		g.t.Errorf("after %v the generation is %d, it was %d", err, now, gen)
	}
	return err
}

// stays is both for one attempt.
func (g *gateway) stays(attempt func() error) (err error) {
	g.t.Helper()
	g.steady(func() { err = g.uncommitted(attempt) })
	return err
}

// goesRound is how kernels refuse a jump that leads back.
const goesRound = unix.EMLINK

// refused fails unless an attempt is refused for the given object, and changes nothing.
func (g *gateway) refused(object string, errno unix.Errno, attempt func() error) {
	g.t.Helper()
	err := g.uncommitted(attempt)
	var refused *nftlink.RefusedError
	if !errors.As(err, &refused) {
		g.t.Fatalf("the error is %v, want a refusal of %s", err, object)
	}
	if errno == goesRound && refused.Errno == unix.ELOOP {
		errno = unix.ELOOP // seen on 5.10
	}
	if refused.Object != object || refused.Errno != errno {
		g.t.Errorf("refused is %s: %v (%s)\nwant %s: %v", refused.Object, refused.Errno, refused.Msg, object, errno)
	}
	if !errors.Is(err, errno) {
		g.t.Errorf("%v is not %v", err, errno)
	}
}

func TestStaleGeneration(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	want := mustCompile(t, small)
	for _, from := range []string{"nothing", "a table"} {
		live, gen := g.read(want.Table)
		g.nft("add table ip another; delete table ip another") // anyone's change makes a new generation
		err := g.stays(func() error { return g.conn.Apply(t.Context(), diff(live, want), gen) })
		if !errors.Is(err, nftlink.ErrStale) {
			t.Errorf("from %s, Apply at an old generation says %v, want ErrStale", from, err)
		}
		g.nft("table inet snatctl { chain mine { }; }")
	}
	g.apply(want) // at the generation of today
	g.holds(want)
	live, _ := g.read(want.Table)
	if err := g.conn.Apply(t.Context(), diff(live, mustCompile(t, "version: 1\n")), 0); err != nil {
		t.Errorf("Apply at any generation says %v", err)
	}
	g.holds(mustCompile(t, "version: 1\n"))
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	want := mustCompile(t, small)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := g.stays(func() error { return g.conn.Apply(ctx, diff(nil, want), 0) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Apply says %v", err)
	}
	if _, _, err := g.conn.Read(ctx, "snatctl"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Read says %v", err)
	}
	if _, err := g.conn.Delete(ctx, "snatctl"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Delete says %v", err)
	}
}

// places are indexes all over a list: both ends, the middle, and where messages of about 60 kB
// may begin and end.
func places(n int) []int {
	out := []int{0, 1, n / 2, n - 2, n - 1}
	for i := n/7 + 1; i < n; i += n/7 + 1 {
		out = append(out, i)
	}
	return out
}

// ranges are zones whose sources are no prefixes, which would not be looked up as ranges if they
// are many.
func ranges(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nzones:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: zone-%d, from: 10.%d.%d.1-10.%d.%d.9, laddrs: 198.51.%d.0-198.51.%d.3}\n", i, i>>8, i&255, i>>8, i&255, i>>8, i>>8)
	}
	return []byte(b.String())
}

// An element in the middle of thousands that the kernel refuses is named, that one and no
// other, and nothing has changed.
func TestRefusedElement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy []byte
		set    string
		errno  unix.Errno
		spoil  func(es []nft.Element, i int)
	}{
		{"goto to nowhere", sample.Services(3000, 1), "services4", unix.ENOENT, func(es []nft.Element, i int) { es[i].Verdict = nft.GotoChain("nowhere") }},
		{"key of another length", sample.Services(3000, 1), "slots4", unix.EINVAL, func(es []nft.Element, i int) { es[i].Key += "\x00\x00\x00\x00" }},
		{"data of another length", sample.Services(3000, 1), "slots4", unix.EINVAL, func(es []nft.Element, i int) { es[i].Data += "\x00\x00\x00\x00" }},
		{"range that begins in the one before", ranges(3000), "zones4", unix.EEXIST, func(es []nft.Element, i int) { es[i].Key = es[i-1].KeyEnd }},
		{"range with data of another length", ranges(3000), "zones4", unix.EINVAL, func(es []nft.Element, i int) { es[i].Data = es[i].Data[:4] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.nft("table inet snatctl { comment \"before\"; chain mine { }; }")
			want := mustCompile(t, string(c.policy))
			s := want.Set(c.set)
			whole := s.Elements
			g.steady(func() {
				for _, i := range places(len(whole))[1:] {
					s.Elements = slices.Clone(whole)
					c.spoil(s.Elements, i)
					live, gen := g.read("snatctl")
					g.refused(fmt.Sprintf("element %s of %s", s.ElementString(s.Elements[i]), s.Name), c.errno, func() error {
						return g.conn.Apply(t.Context(), diff(live, want), gen)
					})
				}
			})
		})
	}
}

// The same for elements that clash with one that the kernel holds.
func TestRefusedClash(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	held := mustCompile(t, string(ranges(3000)))
	services := mustCompile(t, string(sample.Services(3000, 1)))
	held.Sets, held.Chains = append(held.Sets, services.Sets...), append(held.Chains, services.Chains[len(services.Chains)-1])
	g.apply(held)
	add := func(s *nft.Set, es []nft.Element) func() error {
		plan := nft.Plan{Want: formed(&nft.Ruleset{Table: "snatctl"}), Ops: []nft.Op{{Mark: nft.Add, Set: s, Elements: es}}}
		return func() error { return g.conn.Apply(t.Context(), plan, 0) }
	}
	zones, slots := held.Set("zones4"), held.Set("slots4")
	g.steady(func() {
		for _, i := range places(3000) {
			// All others stand there already, which the kernel takes in silence.
			es := slices.Clone(slots.Elements)
			es[i].Data = "\xc0\xa8\x01\x01\x00\x50\x00\x00"
			g.refused(fmt.Sprintf("element %s of slots4", slots.ElementString(es[i])), unix.EEXIST, add(slots, es))

			es = slices.Clone(zones.Elements)
			es[i].Data = es[i].Data[4:] + es[i].Data[4:]
			g.refused(fmt.Sprintf("element %s of zones4", zones.ElementString(es[i])), unix.EEXIST, add(zones, es))
		}
	})
}

// An element to delete that is not there is named as well.
func TestRefusedDelete(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	held := mustCompile(t, string(sample.Services(3000, 1)))
	g.apply(held)
	slots := held.Set("slots4")
	g.steady(func() {
		for _, i := range places(3000) {
			es := slices.Clone(slots.Elements)
			es[i].Key = "\x09" + es[i].Key[1:]
			plan := nft.Plan{Want: formed(&nft.Ruleset{Table: "snatctl"}), Ops: []nft.Op{{Mark: nft.Delete, Set: slots, Elements: es}}}
			g.refused(fmt.Sprintf("element %s of slots4", slots.ElementString(es[i])), unix.ENOENT, func() error {
				return g.conn.Apply(t.Context(), plan, 0)
			})
		}
	})
}

func TestRefusedObjects(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	held := mustCompile(t, small)
	g.apply(held)
	live, _ := g.read("snatctl")
	for _, c := range []struct {
		name   string
		op     nft.Op
		object string
		errno  unix.Errno
	}{
		{"rule to nowhere", nft.Op{Mark: nft.Add, Chain: held.Chain("zones"), Rules: []nft.Rule{
			{Stmts: []nft.Stmt{nft.CtNew{}}}, {Stmts: []nft.Stmt{nft.Give{Verdict: nft.GotoChain("nowhere")}}}, {Stmts: []nft.Stmt{nft.CtNew{}}}}},
			`rule "goto nowhere" of chain zones`, unix.ENOENT},
		{"rule with a map that is not there", nft.Op{Mark: nft.Add, Chain: held.Chain("zones"), Rules: []nft.Rule{
			{Stmts: []nft.Stmt{nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.UDP}}, nft.Vmap{Key: []nft.Field{nft.F(nft.IPSaddr)}, Map: "nowhere"}}}}},
			`rule "meta l4proto { tcp, udp } ip saddr vmap @nowhere" of chain zones`, unix.ENOENT},
		{"rule that goes round", nft.Op{Mark: nft.Add, Chain: held.Chain("services"), Rules: []nft.Rule{{Stmts: []nft.Stmt{nft.Give{Verdict: nft.JumpChain("services")}}}}},
			`rule "jump services" of chain services`, goesRound},
		{"rule deleted twice", nft.Op{Mark: nft.Delete, Chain: live.Chain("zones"), Rules: []nft.Rule{live.Chain("zones").Rules[0], live.Chain("zones").Rules[0]}},
			"", unix.ENOENT},
		{"chain in use", nft.Op{Mark: nft.Delete, Chain: held.Chain("refused")}, "chain refused", unix.EBUSY},
		{"chain that is not there", nft.Op{Mark: nft.Delete, Chain: &nft.Chain{Name: "nowhere"}}, "chain nowhere", unix.ENOENT},
		{"map in use", nft.Op{Mark: nft.Delete, Set: held.Set("zones4")}, "map or set zones4", unix.EBUSY},
		{"map that is not there", nft.Op{Mark: nft.Delete, Set: &nft.Set{Name: "nowhere"}}, "map or set nowhere", unix.ENOENT},
		{"set of another kind", nft.Op{Mark: nft.Add, Set: &nft.Set{Name: "zones4", Key: []nft.Type{nft.IPv6}}}, "map or set zones4", unix.EEXIST},
		{"name that is too long", nft.Op{Mark: nft.Add, Chain: &nft.Chain{Name: string(make([]byte, 300))}}, "chain " + string(make([]byte, 300)), unix.ERANGE},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.object == "" {
				c.object = fmt.Sprintf("rule %q of chain zones", live.Chain("zones").Rules[0])
			}
			g := g.on(t)
			g.steady(func() {
				g.refused(c.object, c.errno, func() error {
					return g.conn.Apply(t.Context(), nft.Plan{Want: formed(held), Ops: []nft.Op{c.op}}, 0)
				})
			})
		})
	}
	t.Run("table that is not there", func(t *testing.T) {
		err := g.on(t).stays(func() error {
			plan := nft.Plan{Want: formed(&nft.Ruleset{Table: "nowhere"}), Ops: []nft.Op{{Mark: nft.Add, Chain: &nft.Chain{Name: "c"}}}}
			return g.conn.Apply(t.Context(), plan, 0)
		})
		if !errors.Is(err, unix.ENOENT) {
			t.Errorf("the error is %v", err)
		}
	})
}

// More than one message's worth of elements arrives whole.
func TestLarge(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, want := range []*nft.Ruleset{
		mustCompile(t, string(sample.Services(4000, 4))), mustCompile(t, string(sample.Zones(4000))), mustCompile(t, "version: 1\n"),
	} {
		g.apply(want)
		g.holds(want)
	}
}
