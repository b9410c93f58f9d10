package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Behind the gateway is a way for fewer bytes than its interface takes. A client that knows of it sends as many as fit there;
// what is too large with the option comes through without, when it comes again.
func TestClientAddressPathMTU(t *testing.T) {
	w := nstest.New(t, nstest.Options{RealServers: 1})
	routers, err := w.AddRouters(t.Context())
	must(t, err)
	must(t, w.Outside.ServeCallers(":81"))
	output(t, routers[0], "sh", "-ec", "ip route replace default via 172.31.0.2 mtu lock 1400; ip -6 route replace default via fd31:0::2 mtu lock 1400")
	flat(t, w.Outside, w.Office, w.Gateway) // the gateway sees each segment
	apply(t, w.Gateway, toaWays)
	for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81"} {
		c, err := w.Office.Dial("tcp", "", to)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = c.Write([]byte(strings.Repeat("x", 1408))) // a packet of its own, in both families
		must(t, err)
		line := make([]byte, len(fmt.Sprintln(c.LocalAddr())))
		for _, part := range [][]byte{line, make([]byte, 1408)} {
			for n := 0; n < len(part); {
				m, err := c.Read(part[n:])
				if err != nil {
					t.Fatalf("%s: after %d of %d bytes: %v", to, n, len(part), err)
				}
				n += m
			}
		}
		if got, want := string(line), fmt.Sprintln(c.LocalAddr()); got != want {
			t.Errorf("%s: the real server takes %s for the client %s", to, got, want)
		}
	}
	output(t, w.Office, "sh", "-ec", "ip route get 203.0.113.10 | grep -q 'mtu 1400'; ip -6 route get 2001:db8::10 | grep -q 'mtu 1400'")
}
