package nftlink_test

import (
	"testing"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// BenchmarkEncode30kServices encodes the table of 30,000 services x 4 for the kernel.
func BenchmarkEncode30kServices(b *testing.B) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: sample.Services(30000, 4)}})
	if p == nil {
		b.Fatal(ds)
	}
	plan := diff(nil, compiled(b, p))
	for b.Loop() {
		if _, err := nftlink.Encode(plan); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead30kServices reads that table back.
func BenchmarkRead30kServices(b *testing.B) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: sample.Services(30000, 4)}})
	if p == nil {
		b.Fatal(ds)
	}
	g := newGateway(b)
	want := compiled(b, p)
	g.bring(b, want)
	for b.Loop() {
		if _, _, err := g.conn.Read(b.Context(), want.Table); err != nil {
			b.Fatal(err)
		}
	}
}
