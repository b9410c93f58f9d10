package integration

import (
	"fmt"
	"io"
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
			if n, err := io.ReadFull(c, part); err != nil {
				t.Fatalf("%s: after %d of %d bytes: %v", to, n, len(part), err)
			}
		}
		if got, want := string(line), fmt.Sprintln(c.LocalAddr()); got != want {
			t.Errorf("%s: the real server takes %s for the client %s", to, got, want)
		}
	}
	output(t, w.Office, "sh", "-ec", "ip route get 203.0.113.10 | grep -q 'mtu 1400'; ip -6 route get 2001:db8::10 | grep -q 'mtu 1400'")

	// Where the gateway's own route knows of the way, lint says what fits.
	output(t, w.Gateway, "ip", "route", "replace", "8.8.8.0/24", "via", "192.0.2.1", "mtu", "1400")
	const want = "to the real server 8.8.8.8 leads wan0, on a route for packets of 1400 bytes, and clients may send as many, with an MSS of 1452"
	if r := ctl(t, w.Gateway, "lint", "-f", policyFile(t, toaWays), "--live"); !strings.Contains(r.Stdout, want) || strings.Contains(r.Stdout, "B04") {
		t.Errorf("lint says\n%s%s", r.Stdout, r.Stderr)
	}
	room := strings.Replace(toaWays, "addresses: routes", "addresses: routes, mss: 1352", 1)
	if r := ctl(t, w.Gateway, "lint", "-f", policyFile(t, room), "--live"); strings.Contains(r.Stdout, "B05") {
		t.Errorf("with room lint says\n%s", r.Stdout)
	}
}
