package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Behind the uplink is a way for 1,300 bytes that neither end knows of. The router's word of it comes back to the
// client through the translation, of both families. Where it is lost, `mss` with a number that fits there is the
// way out, and only that: the gateway's own route does not know the way either.
func TestPathMTU(t *testing.T) {
	s := startSite(t, "")
	routers, err := s.AddRouters(t.Context())
	must(t, err)
	router := routers[0]
	output(t, router, "sh", "-ec", `ip route replace default via 172.31.0.2 mtu lock 1300; ip -6 route replace default via fd31:0::2 mtu lock 1300
ip route replace 192.0.2.0/24 dev lan src 192.0.2.1 mtu lock 1300; ip -6 route replace 2001:db8:2::/64 dev lan mtu lock 1300`)
	policy := func(mss string) string {
		return "version: 1\ngateway: {uplinks: [wan0, wan1]" + mss + "}\nzones:\n  - {name: office, from: [10.1.0.0/16, \"fd01::/64\"], action: masquerade}\n"
	}
	const forget = "ip route flush cache; ip -6 route flush cache"
	// flows tells whether bytes come and go.
	flows := func(to string, wanted bool) bool {
		t.Helper()
		for _, h := range []*nstest.Host{s.Office, s.Outside, s.Gateway} {
			output(t, h, "sh", "-ec", forget)
		}
		st, err := s.Office.OpenStream("", to)
		must(t, err)
		defer st.Close()
		if wanted {
			until(t, "bytes to come back from "+to, func() bool { return st.Bytes() > 0 })
		} else {
			time.Sleep(nstest.Silence)
		}
		return st.Bytes() > 0
	}
	servers := []string{"8.8.8.8:7", "[2001:db8:8::8]:7"}
	knows := func(to string) bool {
		host := strings.Trim(strings.TrimSuffix(to, ":7"), "[]")
		return strings.Contains(output(t, s.Office, "ip", "route", "get", host), "mtu 1300")
	}
	for _, mss := range []string{"", ", mss: clamp", ", mss: 1200"} {
		s.start(t, policy(mss))
		for _, to := range servers {
			flows(to, true)
			if known := knows(to); known != (mss != ", mss: 1200") {
				t.Errorf("with %q the client knows of the way to %s: %v", mss, to, known)
			}
		}
	}
	nft(t, router, "table inet mute { chain out { type filter hook output priority 0; icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }")
	for _, mss := range []string{"", ", mss: clamp", ", mss: 1200"} {
		s.start(t, policy(mss))
		for _, to := range servers {
			if wanted := mss == ", mss: 1200"; flows(to, wanted) != wanted {
				t.Errorf("with %q and without the router's word bytes come to %s", mss, to)
			}
		}
	}
}
