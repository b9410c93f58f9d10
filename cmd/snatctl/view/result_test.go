package view

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// Flows that contradict the policy are listed by object, done or to be done.
func TestStaleFlows(t *testing.T) {
	addr := netip.MustParseAddr
	s := gateway.StaleFlows{
		{Kind: "service", Name: "dns", Why: "is no longer there", Keys: make([]ctlink.Key, 4), Ended: 4},
		{Kind: "service", Name: "web", Server: addr("192.168.1.1"), Why: "real server 192.168.1.1:80 is no longer listed", Keys: make([]ctlink.Key, 4), Ended: 3},
		{Kind: "service", Name: "web", Server: addr("192.168.1.2"), Why: "real server 192.168.1.2:80 is no longer listed", Mixed: true, Keys: make([]ctlink.Key, 1), Ended: 1},
	}
	for _, c := range []struct {
		done bool
		want string
	}{
		{false, `no difference: table inet edge is as the policy says
9 live flows contradict the policy; apply would end them
would end 4 flows of service dns: is no longer there
would end 4 flows of service web: real server 192.168.1.1:80 is no longer listed
would end 1 flow of service web: real server 192.168.1.2:80 is no longer listed (and similar)
would end 9 flows in all
`},
		{true, `no difference: table inet edge is as the policy says
ended 4 flows of service dns: is no longer there
ended 3 flows of service web: real server 192.168.1.1:80 is no longer listed
ended 1 flow of service web: real server 192.168.1.2:80 is no longer listed (and similar)
ended 8 flows in all
`},
	} {
		var out bytes.Buffer
		if err := Result(plain.NewWriter(&out, false), "edge", gateway.Result{Stale: s, Done: c.done}); err != nil || out.String() != c.want {
			t.Errorf("%v, and it prints\n%swant\n%s", err, &out, c.want)
		}
	}
}
