package integration

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// TestRandomZones sends packets through made-up zones that overlap, and compares what
// becomes of them with the plainest reading of the policy: go through the zones in order
// and take the first that holds the source. SNATCTL_SEED repeats a run.
func TestRandomZones(t *testing.T) {
	s := startSite(t, "")
	seed := rand.Uint64()
	if v := os.Getenv("SNATCTL_SEED"); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		must(t, err)
	}
	r := &maker{rand.New(rand.NewPCG(seed, 1))}
	tried := 0
	for range 20 {
		zones, uplink, unmatched := r.lawZones(), r.pick("wan0", "wan1", "wan*"), r.pick("accept", "reject")
		policy := lawPolicy(zones, uplink, unmatched)
		if snatctl(t, s.Gateway, policy, "compile").Code == 1 {
			continue // a zone that can never match is an error
		}
		tried++
		s.start(t, policy)
		for range 25 {
			src := r.addrNear(zones)
			for i, dst := range map[netip.Addr][]string{
				netip.MustParseAddr("8.8.8.8"): {"wan0", "192.0.2.2"}, netip.MustParseAddr("9.9.9.9"): {"wan1", "198.18.1.2"},
				netip.MustParseAddr("2001:db8:8::8"): {"wan0", "2001:db8:2::2"}, netip.MustParseAddr("2001:db8:9::9"): {"wan1", "2001:db8:3::2"},
			} {
				if i.Is4() != src.Is4() {
					continue
				}
				want := unmatched
				if uplink != "wan*" && uplink != dst[0] {
					want = "accept"
				} else {
					for _, z := range zones {
						if z.holds(src) {
							if want = z.action; i.As16()[15] == 9 && z.exclude {
								want = "accept"
							}
							break
						}
					}
				}
				switch want {
				case "accept":
					want = "outside sees " + src.String()
				case "masquerade":
					want = "outside sees " + dst[1]
				case "reject":
					want = "refused"
				default: // snat: the zone's number, for either family
					want = "outside sees " + map[bool]string{true: "198.51.100.", false: "2001:db8:99::"}[src.Is4()] + want
				}
				call := r.pick("udp ", "tcp ") + src.String() + " > " + netip.AddrPortFrom(i, 53).String()
				if got := s.send(t, nstest.Patience, s.Office, call); got != want {
					t.Fatalf("SNATCTL_SEED=%d: %s: got %q, want %q\n%s\n%s", seed, call, got, want, policy, list(t, s.Gateway))
				}
			}
		}
	}
	t.Logf("SNATCTL_SEED=%d: %d policies tried", seed, tried)
	if tried == 0 {
		t.Error("every policy was refused")
	}
}

// lawZone is a zone of one prefix in each family.
type lawZone struct {
	from    [2]netip.Prefix
	action  string // accept, reject, masquerade, or the last part of the zone's one laddr
	exclude bool   // destinations of the second uplink
}

func (z lawZone) holds(a netip.Addr) bool { return z.from[0].Contains(a) || z.from[1].Contains(a) }

// lawZones draws prefixes from the upper half of the office's networks, narrow ones first
// more often than not.
func (r *maker) lawZones() []lawZone {
	var zones []lawZone
	for i := range 3 + r.IntN(9) {
		bits := max(32-i-r.IntN(5), 18)
		v4 := netip.AddrFrom4([4]byte{10, 1, 128 + byte(r.IntN(2)), byte(r.IntN(8) << 5)})
		v6 := netip.MustParseAddr(fmt.Sprintf("fd01::8000:0:0:%x", r.IntN(8)<<5))
		z := lawZone{action: r.pick("accept", "reject", "masquerade", strconv.Itoa(i+1), strconv.Itoa(i+1), strconv.Itoa(i+1))}
		z.from = [2]netip.Prefix{netip.PrefixFrom(v4, bits).Masked(), netip.PrefixFrom(v6, bits+96).Masked()}
		z.exclude = z.action != "accept" && z.action != "reject" && r.often(30)
		zones = append(zones, z)
	}
	return zones
}

func lawPolicy(zones []lawZone, uplink, unmatched string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ngateway: {uplinks: %s, unmatched: %s}\nzones:\n", uplink, unmatched)
	for i, z := range zones {
		what := "action: " + z.action
		if _, err := strconv.Atoi(z.action); err == nil {
			what = fmt.Sprintf("laddrs: [198.51.100.%s, \"2001:db8:99::%s\"]", z.action, z.action)
		}
		if z.exclude {
			what += ", exclude: [9.9.9.0/24, \"2001:db8:9::/64\"]"
		}
		fmt.Fprintf(&b, "  - {name: z%d, from: [%s, \"%s\"], %s}\n", i, z.from[0], z.from[1], what)
	}
	return b.String()
}

// addrNear returns an address at an edge of a zone, or a little beside it.
func (r *maker) addrNear(zones []lawZone) netip.Addr {
	p := zones[r.IntN(len(zones))].from[r.IntN(2)]
	a := p.Addr()
	switch r.IntN(4) {
	case 0: // the last address of the prefix
		b := a.AsSlice()
		for i := p.Bits(); i < len(b)*8; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		a, _ = netip.AddrFromSlice(b)
	case 1:
		a = a.Next()
	case 2:
		if prev := a.Prev(); netip.MustParsePrefix("10.1.128.0/17").Contains(prev) || netip.MustParsePrefix("fd01::8000:0:0:0/65").Contains(prev) {
			a = prev
		}
	}
	return a
}
