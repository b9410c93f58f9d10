package wire

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/nft"
)

// Userdata as nft 1.0.6 writes it, read back from the kernel with `nft --debug=netlink` and
// raw dumps. nft aborts when it lists some sets without it.
func TestSetUserdata(t *testing.T) {
	const (
		daddr4 = "0004 07000000 010c 0004 0c000000 0104 0c000000" // ip daddr
		daddr6 = "0004 07000000 010c 0004 0d000000 0104 09000000" // ip6 daddr
		proto  = "0004 09000000 0106 0004 10000000"               // meta l4proto
		mark   = "0004 09000000 0106 0004 03000000"               // meta mark
		dport  = "0004 07000000 010c 0004 0b000000 0104 02000000" // th dport
		slot   = "0004 17000000 0112 0004 00000000 0104 00000100 0204 00000000"
	)
	for _, c := range []struct {
		name string
		set  nft.Set
		want string
	}{
		{"set of addresses", nft.Set{Key: []nft.Type{nft.IPv4}, Interval: true}, "0004 02000000"},
		{"set of names", nft.Set{Key: []nft.Type{nft.Ifname}}, "0004 01000000"},
		{"verdict map", nft.Set{Key: []nft.Type{nft.IPv4, nft.Proto, nft.Service}, Data: nft.VerdictData}, "0004 00000000 0104 00000000 0604 00000000"},
		{"map of ranges", nft.Set{Key: []nft.Type{nft.IPv4}, Data: nft.AddrRange4, Interval: true}, "0004 02000000 0104 02000000 0604 01000000"},
		{"map of ranges with ports", nft.Set{Key: []nft.Type{nft.IPv4}, Data: nft.AddrRange4Port, Interval: true}, "0004 02000000 0104 00000000 0604 01000000"},
		{"pool", nft.Set{Key: []nft.Type{nft.Slot}, Data: nft.Addr4}, "0004 01000000 0104 02000000 031a" + slot + "0414" + daddr4 + "0604 00000000"},
		{"slots", nft.Set{Key: []nft.Type{nft.IPv4, nft.Proto, nft.Service, nft.Slot}, Data: nft.Addr4Port},
			"0004 00000000 0104 00000000" +
				"0360" + "0004 0d000000 0158" + "0014" + daddr4 + "010e" + proto + "0214" + dport + "031a" + slot +
				"0434" + "0004 0d000000 012c" + "0014" + daddr4 + "0114" + dport +
				"0604 00000000"},
		{"slots of IPv6", nft.Set{Key: []nft.Type{nft.IPv6, nft.Slot}, Data: nft.Addr6},
			"0004 00000000 0104 02000000 033a 0004 0d000000 0132 0014" + daddr6 + "011a" + slot + "0414" + daddr6 + "0604 00000000"},
		{"verdicts by mark", nft.Set{Key: []nft.Type{nft.FwMark}, Data: nft.VerdictData}, "0004 01000000 0104 00000000 0604 00000000"},
		{"verdicts by mark and source", nft.Set{Key: []nft.Type{nft.FwMark, nft.IPv4}, Data: nft.VerdictData, Interval: true},
			"0004 00000000 0104 00000000 032e 0004 0d000000 0126 000e" + mark + "0114" + daddr4 + "0408 0004 01000000 0100 0604 00000000"},
		{"set of marks and servers", nft.Set{Key: []nft.Type{nft.FwMark, nft.IPv4, nft.Service}},
			"0004 00000000 0344 0004 0d000000 013c 000e" + mark + "0114" + daddr4 + "0214" + dport},
	} {
		if got, want := Userdata(&c.set), golden.Unhex(t, c.want); !slices.Equal(got, want) {
			t.Errorf("%s: the userdata is\n%s\nwant\n%s", c.name, hex.EncodeToString(got), hex.EncodeToString(want))
		}
	}
}

// The longest typeof must fit the byte that holds its length.
func TestTypeofFits(t *testing.T) {
	if n := len(typeofAll([]nft.Type{nft.IPv6, nft.Proto, nft.Service, nft.Slot})); n > 255 {
		t.Errorf("the typeof of the longest key has %d bytes", n)
	}
}

func TestComments(t *testing.T) {
	if got, want := commentUserdata("web"), golden.Unhex(t, "0004 77656200"); !slices.Equal(got, want) {
		t.Errorf("a comment is %x, want %x", got, want)
	}
	for _, s := range []string{"", "a", "zone: pool", string(make([]byte, 200))} {
		if got := Comment(commentUserdata(s)); got != s {
			t.Errorf("the comment %q is read as %q", s, got)
		}
	}
	for input, want := range map[string]string{
		"":                                      "",
		"00":                                    "",
		"0005 6162":                             "",    // cut short
		"0000":                                  "",    // no room for a NUL
		"0204 01000000 0004 77656200":           "web", // behind other data
		"02ff 01000000 0004 77656200":           "",    // other data is cut short
		"0004 77656200 0004 78656200":           "web", // the first counts
		"0001 00":                               "",    // an empty one
		"0703 616200 000b 7a6f6e653a2070706f00": "",    // cut short behind another
	} {
		if got := Comment(golden.Unhex(t, input)); got != want {
			t.Errorf("the comment in %s is %q, want %q", input, got, want)
		}
	}
}
