package nftlink_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// offloading returns a table with a flowtable over devices.
func offloading(t *testing.T, devices ...string) *nft.Ruleset {
	t.Helper()
	r := mustCompile(t, "version: 1\n")
	compiler.Offload(r, devices)
	formed(r)
	return r
}

// withFlowtables returns a gateway with interfaces a0 to d0, of a kernel that has flowtables.
// Tests that use it take turns: two that load the module veth get in each other's way (5.10).
func withFlowtables(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t)
	r, err := g.host.RunInput(t.Context(), "add table inet t\nadd flowtable inet t ft { hook ingress priority 0; }\ndelete table inet t\n", "nft", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	if r.Code != 0 {
		t.Skip("this kernel has no flowtables (make kernels runs this test on those that have)")
	}
	for _, pair := range []string{"a0 type veth peer name b0", "c0 type veth peer name d0"} {
		if _, err := g.host.Output(t.Context(), "ip", append([]string{"link", "add"}, strings.Fields(pair)...)...); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// The flowtable that Apply makes is the one that nft makes of the script; interfaces come and
// go one by one, a table that stands takes and loses it, and a snapshot brings it back.
func TestFlowtable(t *testing.T) {
	applied, loaded := withFlowtables(t), withFlowtables(t)
	plain := mustCompile(t, "version: 1\n")
	for i, want := range []*nft.Ruleset{
		offloading(t, "a0", "b0"), offloading(t, "c0", "b0", "a0"), offloading(t, "c0", "d0"), plain,
		offloading(t, "a0"), offloading(t), offloading(t, "d0"), plain, offloading(t, "a0", "b0", "c0", "d0"),
	} {
		if plan := applied.apply(want); i > 0 && plan.Whole != nft.Keep {
			t.Errorf("step %d makes the table anew: %s", i, plan.Reason)
		}
		applied.holds(want)
		loaded.nft(script(t, want))
		loaded.holds(want)
		if ours, theirs := blocks(applied.list(want.Table)), blocks(loaded.list(want.Table)); ours != theirs {
			t.Errorf("step %d: Apply makes\n%s\nnft makes\n%s", i, ours, theirs)
		}
	}
	all := offloading(t, "a0", "b0", "c0", "d0")
	kept, _, err := applied.conn.Snapshot(t.Context(), all.Table)
	if err != nil {
		t.Fatal(err)
	}
	if err := applied.stays(func() error { return applied.conn.Check(t.Context(), kept) }); err != nil {
		t.Errorf("Check of what stands says %v", err)
	}
	applied.apply(offloading(t, "a0"))
	if err := applied.conn.Restore(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	applied.holds(all)
	if _, err := applied.host.Output(t.Context(), "ip", "link", "del", "c0"); err != nil {
		t.Fatal(err)
	}
	left, back := []string{"a0", "b0"}, []string(nil)
	if live, _ := applied.read(all.Table); len(live.Flowtable.Devices) == 4 {
		left, back = all.Flowtable.Devices, all.Flowtable.Devices // Linux 6.16 keeps the names of what is gone
	}
	applied.holds(offloading(t, left...))
	if err := applied.stays(func() error { return applied.conn.Check(t.Context(), kept) }); err != nil {
		t.Errorf("Check of a snapshot with interfaces that are gone says %v", err)
	}
	if err := applied.conn.Restore(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	applied.holds(offloading(t, back...))
	applied.apply(offloading(t, "a0", "b0"))
	applied.holds(offloading(t, "a0", "b0"))
	if err := applied.stays(func() error { return applied.conn.Try(t.Context(), all) }); err != nil {
		t.Errorf("Try says %v", err)
	}
}

// Flowtables that snatctl does not make so are others, and the table is made anew.
func TestFlowtableOfOthers(t *testing.T) {
	g := withFlowtables(t)
	want := offloading(t, "a0")
	for _, hand := range []string{
		"add flowtable inet snatctl mine { hook ingress priority 0; }",
		"delete chain inet snatctl offloading; delete flowtable inet snatctl ft; add flowtable inet snatctl ft { hook ingress priority 5; devices = { a0 }; counter; }",
		"delete chain inet snatctl offloading; delete flowtable inet snatctl ft; add flowtable inet snatctl ft { hook ingress priority 0; devices = { a0 }; }",
	} {
		g.apply(want)
		g.nft(hand)
		live, _ := g.read("snatctl")
		if len(live.Others) != 1 || !strings.HasPrefix(live.Others[0], "flowtable ") {
			t.Errorf("after %s the others are %q", hand, live.Others)
		}
		if plan := g.apply(want); plan.Whole != nft.Replace {
			t.Errorf("after %s the plan is\n%s", hand, formatted(plan))
		}
		g.holds(want)
	}
}

// An interface that is gone is named, and nothing changes; newer kernels wait for it.
func TestFlowtableRefused(t *testing.T) {
	g := withFlowtables(t)
	want := offloading(t, "a0", "gone0")
	err := g.conn.Apply(t.Context(), diff(nil, want), 0)
	if err == nil {
		g.holds(want)
		return
	}
	if live, _ := g.read(want.Table); live != nil {
		t.Errorf("a refused table stands: %+v", live)
	}
	var refused *nftlink.RefusedError
	if !errors.As(err, &refused) || refused.Errno != unix.ENOENT || !strings.Contains(err.Error(), `flowtable ft { devices = { "a0", "gone0" } }`) {
		t.Errorf("Apply says %v", err)
	}
}

// A kernel without flowtables says so, whatever devices are asked for.
func TestNoFlowtables(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	r, err := g.host.RunInput(t.Context(), "add table inet t\nadd flowtable inet t ft { hook ingress priority 0; }\ndelete table inet t\n", "nft", "-f", "-")
	if err != nil || r.Code == 0 {
		t.Skipf("this kernel has flowtables (%v)", err)
	}
	want := offloading(t, "lo")
	err = g.stays(func() error { return g.conn.Try(t.Context(), want) })
	var refused *nftlink.RefusedError
	if !errors.As(err, &refused) || refused.Object != "flowtable ft" || !strings.HasPrefix(refused.Lacks, "flowtables (modules nf_flow_table_inet") {
		t.Errorf("Try says %v", err)
	}
	err = g.stays(func() error { return g.conn.Apply(t.Context(), diff(nil, want), 0) })
	if !errors.As(err, &refused) || !slices.Equal(refused.Op.Flowtable.Devices, []string{"lo"}) {
		t.Errorf("Apply says %v", err)
	}
}
