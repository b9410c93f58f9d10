package nstest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The router hears what gateways announce, notices one that dies by BFD, and hears it again when it is back.
func TestFleet(t *testing.T) {
	for _, resilient := range []bool{false, true} {
		t.Run(fmt.Sprintf("resilient=%v", resilient), func(t *testing.T) {
			f := NewFleet(t, FleetOptions{Resilient: resilient})
			must(t, f.RS[0].ServeTCP(":80"))
			for i := range f.Gateways {
				conf := fmt.Sprintf(`
protocol static snatctl_vips { ipv4; route 203.0.114.65/32 blackhole; }
protocol static snatctl_laddrs { ipv4; route 198.51.100.%d/28 blackhole; }
protocol static snatctl_vips6 { ipv6; route 2001:db8:114::65/128 blackhole; }
`, 16*(i+1))
				must(t, os.WriteFile(filepath.Join(f.Files(i), "snatctl.conf"), []byte(conf), 0o644))
				_, err := f.Birdc(t.Context(), i, "configure")
				must(t, err)
			}
			via := func(prefix string, want ...int) {
				t.Helper()
				var got []int
				for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
					var err error
					if got, err = f.Via(prefix); err == nil && slices.Equal(got, want) {
						return
					}
				}
				t.Fatalf("the router sends %s to %v, want %v", prefix, got, want)
			}
			via("203.0.114.65/32", 0, 1, 2)
			via("2001:db8:114::65/128", 0, 1, 2)
			via("198.51.100.32/28", 1)
			must(t, f.Die(1))
			via("203.0.114.65/32", 0, 2)
			via("2001:db8:114::65/128", 0, 2)
			via("198.51.100.32/28")
			must(t, f.Return(1))
			via("203.0.114.65/32", 0, 1, 2)
			via("198.51.100.32/28", 1)
			for i, gw := range f.Gateways {
				must(t, gw.Ping(t.Context(), "", "203.0.113.2"))
				must(t, gw.Ping(t.Context(), "", "fd01::2"))
				must(t, f.RS[2].Ping(t.Context(), "", fmt.Sprintf("192.168.1.10%d", i+1)))
			}
		})
	}
}
