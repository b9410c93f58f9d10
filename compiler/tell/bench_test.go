package tell_test

import (
	"testing"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
)

// A table of many services that is all new is what a first apply tells of.
func BenchmarkChangesNew30kServices(b *testing.B) {
	want := compiled.Table(b, sample.Services(30000, 4))
	plan := nft.Diff(nil, formed(b, want))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(tell.Changes(nil, want, plan)); n != 1+30000*5 {
			b.Fatalf("%d changes", n)
		}
	}
}

func BenchmarkChangesNew10kZones(b *testing.B) { newZones(b, sample.Zones(10000)) }

// Zones with conditions have chains and sets of their own.
func BenchmarkChangesNew2kConditions(b *testing.B) {
	newZones(b, sample.ZonesWithConditions(2000, 1000))
}

func newZones(b *testing.B, policy []byte) {
	want := compiled.Table(b, policy)
	plan := nft.Diff(nil, formed(b, want))
	b.ReportAllocs()
	for b.Loop() {
		if len(tell.Changes(nil, want, plan)) < 2000 {
			b.Fatal("zones are missing")
		}
	}
}
