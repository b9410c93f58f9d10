package nftlink_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// TestTry holds that the kernel takes every valid policy when it is tried, beside a table that
// stands already, and that trying leaves nothing behind.
func TestTry(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	files, err := filepath.Glob("../../testdata/valid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies to test with: %v", err)
	}
	g.apply(mustCompile(t, small))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := mustCompile(t, string(text))
		if err := g.stays(func() error { return g.conn.Try(t.Context(), want) }); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// TestTryRefused holds that what the kernel does not take is named, although the table would never be finished.
func TestTryRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	pre := func(stmts ...nft.Stmt) *nft.Ruleset {
		hook := &nft.Hook{Type: "nat", Point: "prerouting", Priority: -100}
		return &nft.Ruleset{Table: "snatctl", Chains: []*nft.Chain{{Name: "c", Hook: hook, Rules: []nft.Rule{{Stmts: []nft.Stmt{nft.CtNew{}}}, {Stmts: stmts}}}}}
	}
	for _, c := range []struct {
		name          string
		want          *nft.Ruleset
		object, lacks string
		errno         unix.Errno
	}{
		{"a type of chain", &nft.Ruleset{Table: "snatctl", Chains: []*nft.Chain{{Name: "c", Hook: &nft.Hook{Type: "unheard-of", Point: "prerouting"}}}}, "chain c", "chains of type unheard-of in family inet (CONFIG_NF_TABLES_INET)", unix.ENOENT},
		{"a map that is not there", pre(nft.CtNew{}, nft.Vmap{Key: []nft.Field{nft.F(nft.IPSaddr)}, Map: "nowhere"}), `rule "ct state new ip saddr vmap @nowhere" of chain c`, "", unix.ENOENT},
		{"a map of such keys", &nft.Ruleset{Table: "snatctl", Sets: []*nft.Set{{Name: "s", Key: slices.Repeat([]nft.Type{nft.IPv6}, 9)}}}, "map or set s", "", unix.EINVAL},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := g.on(t).stays(func() error { return g.conn.Try(t.Context(), c.want) })
			var refused *nftlink.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("Try says %v", err)
			}
			if refused.Object != c.object || refused.Lacks != c.lacks || refused.Errno != c.errno {
				t.Errorf("refused is %s, %q: %v\nwant %s, %q: %v", refused.Object, refused.Lacks, refused.Errno, c.object, c.lacks, c.errno)
			}
		})
	}
}

func TestBaseChains(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.nft(`
table ip nat { chain plain { accept; }; chain POSTROUTING { type nat hook postrouting priority 100; oifname "wan0" masquerade; ip saddr 10.0.0.0/8 jump plain; }; }
table ip6 nat { chain pre { type nat hook prerouting priority -150; }; }
table inet fw { chain forward { type filter hook forward priority 5; policy drop; ct state established accept; }; }
table bridge b { chain f { type filter hook forward priority 0; }; }`)
	got, err := g.conn.BaseChains(t.Context())
	want := []nftlink.BaseChain{
		{Family: "ip", Table: "nat", Name: "POSTROUTING", Type: "nat", Hook: "postrouting", Priority: 100, Rules: 2},
		{Family: "ip6", Table: "nat", Name: "pre", Type: "nat", Hook: "prerouting", Priority: -150},
		{Family: "inet", Table: "fw", Name: "forward", Type: "filter", Hook: "forward", Priority: 5, Rules: 1, Fate: nftlink.Fate{Drops: true}},
	}
	if err != nil || !cmp.Equal(got, want, cmpopts.IgnoreUnexported(nftlink.BaseChain{})) {
		t.Errorf("the base chains are %+v, %v\nwant %+v", got, err, want)
	}
}
