package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

const cleansUplinks = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: 192.0.2.1}
    isp2: {interface: wan1, gateway: 198.18.1.1}
zones:
  - {name: office, from: 10.1.0.0/16, uplink: isp2, laddrs: {isp1: 192.0.2.8, isp2: 198.18.1.8}}
  - {name: guests, from: 10.2.0.0/16, uplink: isp2, action: masquerade}
  - {name: lab, from: 10.66.0.0/16, uplink: isp2, laddrs: 203.0.113.1}
`

// When uplinks and their laddrs change, flows end that have a laddr which their zone has for another uplink, or for
// none any more. Those that keep their laddr go on. What was masqueraded the kernel ends by itself, once it
// leaves by another interface.
func TestUplinkCleanup(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	_, err := w.AddRouters(t.Context())
	must(t, err)
	must(t, w.Outside.ServeUDP("8.8.8.8:53"))
	apply(t, w.Gateway, cleansUplinks)
	office := asked(t, w.Office, "8.8.8.8:53", "outside sees 198.18.1.8")
	guests, err := w.Guests.Dial("udp", "", "8.8.8.8:53")
	must(t, err)
	defer guests.Close()
	lab := asked(t, w.Lab, "8.8.8.8:53", "outside sees 203.0.113.1")
	masqueraded := func() {
		t.Helper()
		if got := answered(nstest.AskOn(guests)); got != "outside sees 198.18.1.2" {
			t.Errorf("what is masqueraded: %s", got)
		}
	}
	masqueraded()
	ends := func(what, policy string, want int) {
		t.Helper()
		for _, argv := range [][]string{{"--dry-run"}, nil} {
			r := snatctl(t, w.Gateway, policy, "apply", append(argv, "--format", "json")...)
			if n := flowsEnded(t, r); n != want {
				t.Errorf("%s: apply %q ends %d flows, want %d\n%s", what, argv, n, want, r.Stdout)
			}
		}
	}

	swapped := strings.Replace(cleansUplinks, "{isp1: 192.0.2.8, isp2: 198.18.1.8}", "{isp1: 198.18.1.8, isp2: 192.0.2.8}", 1)
	ends("the pools change places", swapped, 1)
	office("outside sees 192.0.2.8")
	masqueraded()
	lab("outside sees 203.0.113.1")
	ends("nothing changes", swapped, 0)

	left := strings.Replace(strings.ReplaceAll(swapped, "uplink: isp2", "uplink: isp1"), ", isp2: 192.0.2.8", "", 1)
	left = strings.Replace(left, "    isp2: {interface: wan1, gateway: 198.18.1.1}\n", "", 1)
	ends("the uplink leaves the policy", left, 1)
	lab("outside sees 203.0.113.1")
	until(t, "the kernel to end what was masqueraded", func() bool { return answered(nstest.AskOn(guests)) == "outside sees 192.0.2.2" })
}
