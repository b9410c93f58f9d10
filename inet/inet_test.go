package inet

import (
	"errors"
	"net/netip"
	"testing"
)

func TestParsePortRange(t *testing.T) {
	for _, c := range []struct {
		text string
		want PortRange
	}{
		{"80", PortRange{80, 80}}, {"1", PortRange{1, 1}}, {"65535", PortRange{65535, 65535}},
		{"8000-8099", PortRange{8000, 8099}}, {"7-7", PortRange{7, 7}}, {"*", AnyPort},
	} {
		got, err := ParsePortRange(c.text)
		if err != nil || got != c.want {
			t.Errorf("ParsePortRange(%q) = %v, %v, want %v", c.text, got, err, c.want)
		}
		if again, err := ParsePortRange(got.String()); err != nil || again != got {
			t.Errorf("ParsePortRange(%q) = %v, %v, want %v", got, again, err, got)
		}
	}
	for _, c := range []struct {
		text string
		want error // nil: any
	}{
		{"0", ErrPortZero}, {"0-5", ErrPortZero}, {"9-8", ErrPortsReversed},
		{"", nil}, {"-", nil}, {"080", nil}, {"+80", nil}, {"-80", nil}, {"80-", nil}, {"65536", nil}, {"http", nil}, {"1e3", nil}, {"0x50", nil}, {" 80", nil}, {"1-2-3", nil},
	} {
		if got, err := ParsePortRange(c.text); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("ParsePortRange(%q) = %v, %v, want the error %v", c.text, got, err, c.want)
		}
	}
}

func TestPortRange(t *testing.T) {
	r := PortRange{10, 20}
	if !r.Contains(10) || !r.Contains(20) || r.Contains(9) || r.Contains(21) {
		t.Errorf("%v does not hold what it should", r)
	}
	if !r.Overlaps(PortRange{20, 30}) || r.Overlaps(PortRange{21, 30}) || !AnyPort.Overlaps(r) {
		t.Errorf("%v does not overlap with what it should", r)
	}
	if r.Len() != 11 || AnyPort.Len() != 65536 || r.Single() || !(PortRange{5, 5}).Single() || (PortRange{}).Single() || !(PortRange{}).IsZero() {
		t.Error("Len, Single or IsZero is wrong")
	}
}

func TestIsInterface(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"wan0", "wan0", true}, {"wan0", "wan01", false}, {"wan*", "wan0", true}, {"wan*", "wan", true},
		{"wan*", "lan0", false}, {"wan*", "wan*", true}, {"wan0", "", false},
	} {
		if got := IsInterface(c.pattern, c.name); got != c.want {
			t.Errorf("IsInterface(%q, %q) is %v", c.pattern, c.name, got)
		}
	}
}

func TestParseProtoPorts(t *testing.T) {
	for _, text := range []string{"tcp/80", "udp/5000-5999", "sctp/*", "icmp", "icmpv6"} {
		if pp, err := ParseProtoPorts(text); err != nil || pp.String() != text {
			t.Errorf("ParseProtoPorts(%q) = %v, %v", text, pp, err)
		}
	}
	for _, text := range []string{"", "tcp", "icmp/8", "gre", "80", "80/tcp", "TCP/80", "tcp/", "tcp/80/90", "/80"} {
		if pp, err := ParseProtoPorts(text); err == nil {
			t.Errorf("ParseProtoPorts(%q) = %v, want an error", text, pp)
		}
	}
	for p := range 256 {
		name := Proto(p).String()
		if q, err := ParseProto(name); err == nil && q != Proto(p) {
			t.Errorf("ParseProto(%q) = %v, want %d", name, q, p)
		}
	}
}

func TestFamily(t *testing.T) {
	for text, want := range map[string]Family{"10.0.0.1": V4, "::1": V6, "::ffff:10.0.0.1": V6} {
		if got := FamilyOf(netip.MustParseAddr(text)); got != want {
			t.Errorf("FamilyOf(%s) = %v, want %v", text, got, want)
		}
	}
	if got := FamilyOf(netip.Addr{}); got != 0 {
		t.Errorf("FamilyOf the zero address = %v, want none", got)
	}
}
