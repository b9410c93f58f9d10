package inet

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestPrefixes(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1":                                   "10.0.0.1/32",
		"10.0.0.0-10.0.0.255":                        "10.0.0.0/24",
		"10.0.0.1-10.0.0.6":                          "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32",
		"0.0.0.0-255.255.255.255":                    "0.0.0.0/0",
		"255.255.255.254-255.255.255.255":            "255.255.255.254/31",
		"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "::/0",
		"2001:db8::f-2001:db8::20":                   "2001:db8::f/128 2001:db8::10/124 2001:db8::20/128",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd/128 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	} {
		if got := join(MustRange(text).Prefixes()); got != want {
			t.Errorf("%s has the prefixes %s, want %s", text, got, want)
		}
	}
	if got := (Range{}).Prefixes(); got != nil {
		t.Errorf("no range has the prefixes %v", got)
	}
	for range 2000 {
		a, b := rand.Uint32(), rand.Uint32()>>rand.N(33)
		from := netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
		c := max(a, a+b)
		r := Range{from, netip.AddrFrom4([4]byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)})}
		var rs []Range
		for _, p := range r.Prefixes() {
			rs = append(rs, PrefixRange(p))
		}
		if got := Merge(rs); !slices.Equal(got, []Range{r}) {
			t.Fatalf("the prefixes of %s cover %v", r, got)
		}
	}
}

func join(ps []netip.Prefix) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return strings.Join(out, " ")
}
