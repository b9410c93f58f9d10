package nstest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/soak"
)

// Three gateways announce 10,000 VIPs each. One dies and comes back: how long the router takes for the last of them
// is logged.
func TestManyRoutes(t *testing.T) {
	if !soak.Long() {
		t.Skip("measures: make soak")
	}
	f := NewFleet(t, FleetOptions{Watch: 100 * time.Millisecond})
	for _, many := range []int{1000, 10_000} {
		var b strings.Builder
		b.WriteString("protocol static snatctl_vips {\n\tipv4;\n")
		last := ""
		for i := range many {
			last = fmt.Sprintf("20.0.%d.%d/32", i/250, i%250)
			fmt.Fprintf(&b, "\troute %s blackhole;\n", last)
		}
		b.WriteString("}\n")
		until := func(what string, began time.Time, want ...int) {
			t.Helper()
			for got := []int(nil); !slices.Equal(got, want); time.Sleep(5 * time.Millisecond) {
				var err error
				got, err = f.Via(last)
				must(t, err)
				if time.Since(began) > 2*time.Minute {
					t.Fatalf("%s: the router sends %s to %v", what, last, got)
				}
			}
			t.Logf("%d VIPs: %s: the router has the last of them after %v", many, what, time.Since(began).Round(time.Millisecond))
		}
		began := time.Now()
		for i := range f.Gateways {
			must(t, os.WriteFile(filepath.Join(f.Files(i), "snatctl.conf"), []byte(b.String()), 0o644))
			_, err := f.Birdc(t.Context(), i, "configure")
			must(t, err)
		}
		until("announced by all three", began, 0, 1, 2)
		must(t, f.Die(1))
		until("one is dead", time.Now(), 0, 2)
		must(t, f.Return(1))
		until("it is back", time.Now(), 0, 1, 2)
	}
}
