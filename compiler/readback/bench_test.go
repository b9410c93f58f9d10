package readback_test

import (
	"testing"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/sample"
)

func BenchmarkBindings30kServices(b *testing.B) {
	r := compiled.Table(b, sample.Services(30000, 4))
	for b.Loop() {
		if len(readback.Bindings(r).Services) != 30000 {
			b.Fatal("services are missing")
		}
	}
}

func BenchmarkBindings10kZones(b *testing.B) {
	r := compiled.Table(b, sample.Zones(10000))
	for b.Loop() {
		if len(readback.Bindings(r).Zones) != 10000 {
			b.Fatal("zones are missing")
		}
	}
}
