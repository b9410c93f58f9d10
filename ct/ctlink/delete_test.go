package ctlink_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
)

// Exactly the named flows are deleted, of every protocol and both families.
func TestDelete(t *testing.T) {
	g := newGateway(t)
	g.mixed()
	g.tracked(20)
	var doomed []ctlink.Key
	var stay []string
	for _, f := range g.flows() {
		if f.TranslatedSrc() {
			doomed = append(doomed, ctlink.KeyOf(&f))
		} else {
			stay = append(stay, line(&f))
		}
	}
	slices.Sort(stay)
	if n, err := g.conn.Delete(t.Context(), doomed); n != 10 || err != nil {
		t.Errorf("%d flows deleted (%v), want 10", n, err)
	}
	if d := gocmp.Diff(stay, conntrackLines(t.Context(), t, g.host)); d != "" {
		t.Errorf("what should stand and what does:\n%s", d)
	}
	if n, err := g.conn.Delete(t.Context(), doomed); n != 0 || err != nil {
		t.Errorf("%d flows deleted (%v) that were gone", n, err)
	}
	if n, err := g.conn.Delete(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("%d flows deleted (%v) of none", n, err)
	}
}

// Many flows go in few datagrams; some of them are gone, which is no error.
func TestDeleteMany(t *testing.T) {
	g := newGateway(t)
	g.flood(1024, 12000)
	g.tracked(12000)
	var doomed []ctlink.Key
	for _, f := range g.flows() {
		if p := f.Orig.Src.Port(); p < 1024+5000 {
			doomed = append(doomed, ctlink.KeyOf(&f))
		}
	}
	if n, err := g.conn.Delete(t.Context(), doomed[:100]); n != 100 || err != nil {
		t.Errorf("%d flows deleted (%v), want 100", n, err)
	}
	if n, err := g.conn.Delete(t.Context(), doomed); n != 4900 || err != nil {
		t.Errorf("%d flows deleted (%v), want 4900", n, err)
	}
	left := g.flows()
	for _, f := range left {
		if f.Orig.Src.Port() < 1024+5000 {
			t.Fatalf("%s stands", line(&f))
		}
	}
	if len(left) != 7000 {
		t.Errorf("%d flows stand, want 7000", len(left))
	}
}

// A flow that began after the list was made is another one if it is translated otherwise,
// even with the same first packet: the kernel often gives it the same id.
func TestDeleteSparesNewFlow(t *testing.T) {
	g := newGateway(t)
	g.first(inet.UDP, "10.9.5.9:4001", "8.8.8.8:53")
	g.tracked(1)
	old := g.flows()[0]
	if n, err := g.conn.Delete(t.Context(), []ctlink.Key{ctlink.KeyOf(&old)}); n != 1 || err != nil {
		t.Fatalf("%d flows deleted (%v), want 1", n, err)
	}
	if _, err := g.host.Output(t.Context(), "nft", "flush ruleset; "+strings.ReplaceAll(tracking, "198.51.100.1", "198.51.100.2")); err != nil {
		t.Fatal(err)
	}
	g.first(inet.UDP, "10.9.5.9:4001", "8.8.8.8:53")
	g.tracked(1)
	again := g.flows()[0]
	if again.Orig != old.Orig || again.Reply == old.Reply {
		t.Fatalf("the new flow is %s", line(&again))
	}
	key := ctlink.KeyOf(&old)
	key.ID = again.ID
	for _, k := range []ctlink.Key{key, {Reply: old.Reply}} {
		if n, err := g.conn.Delete(t.Context(), []ctlink.Key{k}); n != 0 || err != nil || len(g.flows()) != 1 {
			t.Errorf("%d flows deleted (%v) that are gone", n, err)
		}
	}
	other := ctlink.KeyOf(&again)
	other.ID++
	if n, err := g.conn.Delete(t.Context(), []ctlink.Key{other}); n != 0 || err != nil {
		t.Errorf("%d flows deleted (%v) with another id", n, err)
	}
	if n, err := g.conn.Delete(t.Context(), []ctlink.Key{{Reply: again.Reply}}); n != 1 || err != nil {
		t.Errorf("%d flows deleted (%v) without an id, want 1", n, err)
	}
}

// What the kernel refuses is told and does not stop the rest. In particular a key without
// addresses is refused, and not taken for all flows.
func TestDeleteRefused(t *testing.T) {
	g := newGateway(t)
	g.mixed()
	g.tracked(20)
	flows := g.flows()
	bad := ctlink.Key{Reply: ct.Tuple{Proto: inet.UDP}}
	v6 := netip.MustParseAddrPort("[fd01::9]:1")
	keys := []ctlink.Key{bad, {}, ctlink.KeyOf(&flows[0]), {Reply: ct.Tuple{Proto: inet.UDP, Src: v6}}, ctlink.KeyOf(&flows[1])}
	n, err := g.conn.Delete(t.Context(), keys)
	var failed *ctlink.DeleteError
	if !errors.As(err, &failed) || failed.Failed != 3 || failed.First != bad || !errors.As(failed.Err, new(unix.Errno)) {
		t.Errorf("the error is %v", err)
	}
	if n != 2 || len(g.flows()) != len(flows)-2 {
		t.Errorf("%d flows deleted, %d of %d stand", n, len(g.flows()), len(flows))
	}
}

// Flows in a conntrack zone, even of one direction only, are found there.
func TestDeleteInZone(t *testing.T) {
	g := newGateway(t)
	r, err := g.host.RunInput(t.Context(), `table inet zones {
		chain prerouting {
			type filter hook prerouting priority raw
			udp sport 4001 ct zone set 7
			udp sport 4002 ct original zone set 8
			udp sport 4003 ct reply zone set 9
		}
	}`, "nft", "-f", "-")
	if err != nil || r.Code != 0 {
		t.Fatalf("nft -f: %v: %s", err, r.Stderr)
	}
	for _, port := range []string{"4000", "4001", "4002", "4003"} {
		g.first(inet.UDP, "10.1.5.9:"+port, "8.8.8.8:53")
	}
	zones := map[uint16][2]uint16{4000: {0, 0}, 4001: {7, 7}, 4002: {8, 0}, 4003: {0, 9}}
	for _, f := range g.flows() {
		port := f.Orig.Src.Port()
		if got := [2]uint16{f.CTZone, f.ReplyCTZone}; got != zones[port] {
			t.Errorf("the flow from port %d is in zones %d, want %d", port, got, zones[port])
		}
		if n, err := g.conn.Delete(t.Context(), []ctlink.Key{ctlink.KeyOf(&f)}); n != 1 || err != nil {
			t.Errorf("%d flows from port %d deleted (%v), want 1", n, port, err)
		}
	}
	if n := len(g.flows()); n != 0 {
		t.Errorf("%d flows stand", n)
	}
}

// Remark changes some bits of the marks of exactly the named flows, makes none, and says nothing of those
// that are gone.
func TestRemark(t *testing.T) {
	g := newGateway(t)
	if _, err := g.host.Output(t.Context(), "nft", "insert rule inet gateway postrouting ct state new ct mark set 0x01000007"); err != nil {
		t.Fatal(err)
	}
	g.mixed()
	g.tracked(20)
	var moving []ctlink.Key
	for _, f := range g.flows() {
		if f.Mark != 0x01000007 {
			t.Fatalf("%s has mark %#x", line(&f), f.Mark)
		}
		if f.Orig.Src.Addr().Is6() {
			moving = append(moving, ctlink.KeyOf(&f))
		}
	}
	gone := moving[0]
	if n, err := g.conn.Delete(t.Context(), []ctlink.Key{gone}); n != 1 || err != nil {
		t.Fatalf("%d flows deleted (%v), want 1", n, err)
	}
	if n, err := g.conn.Remark(t.Context(), moving, 0x02ffffff, 0xff000000); n != len(moving)-1 || err != nil {
		t.Errorf("%d flows marked (%v), want %d", n, err, len(moving)-1)
	}
	after := g.flows()
	if len(after) != 19 {
		t.Errorf("there are %d flows, want 19", len(after))
	}
	for _, f := range after {
		want := uint32(0x01000007)
		if f.Orig.Src.Addr().Is6() {
			want = 0x02000007
		}
		if f.Mark != want {
			t.Errorf("%s has mark %#x, want %#x", line(&f), f.Mark, want)
		}
	}
}
