package readback_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/compiled"
)

// Zones whose sources are looked up by their first bits have all of these sources.
func TestPrefixes(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nzones:\n  - {name: lan, from: 192.168.0.0/22, laddrs: 192.0.2.1}\n")
	for i := range 1100 {
		fmt.Fprintf(&b, "  - {name: z%04d, from: 10.%d.%d.0/24, laddrs: 198.51.%d.%d}\n", i, i>>8, i&255, i>>8, i&255)
	}
	bindings := readback.Bindings(compiled.Table(t, []byte(b.String())))
	if len(bindings.Zones) != 1101 {
		t.Fatalf("%d zones are read", len(bindings.Zones))
	}
	for i, z := range bindings.Zones {
		want := "192.168.0.0/22"
		if i > 0 {
			want = fmt.Sprintf("10.%d.%d.0/24", (i-1)>>8, (i-1)&255)
		}
		r, _ := inet.ParseRange(want)
		if len(z.Sources) != 1 || z.Sources[0] != r {
			t.Errorf("zone %s has sources %v, want %s", z.Name, z.Sources, want)
		}
	}
}
