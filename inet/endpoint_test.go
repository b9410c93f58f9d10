package inet

import (
	"net/netip"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:0", "192.0.2.1:80": "192.0.2.1:80", "2001:db8::1": "[2001:db8::1]:0", "[2001:db8::1]": "[2001:db8::1]:0", "[2001:db8::1]:443": "[2001:db8::1]:443",
	} {
		if got, err := ParseEndpoint(s); err != nil || got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is read as %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ":", "web", "web:80", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:80-90", "192.0.2.1:*", "[2001:db8::1]80", "[2001:db8::1]:", "192.0.2.1:65536"} {
		if got, err := ParseEndpoint(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}

func TestParseAnyProto(t *testing.T) {
	for s, want := range map[string]Proto{"tcp": TCP, "6": TCP, "icmpv6": ICMPv6, "47": 47} {
		if got, err := ParseAnyProto(s); err != nil || got != want {
			t.Errorf("%s is read as %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "TCP", "256", "-1", "gre"} {
		if got, err := ParseAnyProto(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}
