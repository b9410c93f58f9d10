package nftlink_test

import (
	"testing"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// BenchmarkEncode30kServices encodes the table of 30,000 services x 4 for the kernel.
func BenchmarkEncode30kServices(b *testing.B) {
	plan := diff(nil, mustCompile(b, string(sample.Services(30000, 4))))
	for b.Loop() {
		if _, err := nftlink.Encode(plan); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead30kServices reads that table back.
func BenchmarkRead30kServices(b *testing.B) {
	g := newGateway(b)
	want := mustCompile(b, string(sample.Services(30000, 4)))
	g.bring(b, want)
	for b.Loop() {
		if _, _, err := g.conn.Read(b.Context(), want.Table); err != nil {
			b.Fatal(err)
		}
	}
}

// bring makes the table that is wanted.
func (g *gateway) bring(t testing.TB, want *nft.Ruleset) {
	t.Helper()
	live, gen, err := g.conn.Read(t.Context(), want.Table)
	if err == nil {
		err = g.conn.Apply(t.Context(), diff(live, want), gen)
	}
	if err != nil {
		t.Fatal(err)
	}
}
