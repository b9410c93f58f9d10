package integration

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// open connects, and says in a word what came of it. Connections that it opens stay open.
func open(t *testing.T, from *nstest.Host, src, dst string) (net.Conn, string) {
	t.Helper()
	c, err := from.DialWithin(700*time.Millisecond, "tcp", src, dst)
	switch {
	case err == nil:
		if _, err := nstest.AskOn(c); err != nil {
			t.Fatalf("%s > %s: open, but %v", src, dst, err)
		}
		t.Cleanup(func() { c.Close() })
		return c, "open"
	case errors.Is(err, nstest.ErrRefused):
		return nil, "refused"
	case errors.Is(err, nstest.ErrSilent):
		return nil, "silent"
	}
	t.Fatalf("%s > %s: %v", src, dst, err)
	return nil, ""
}

// opens makes connections one after the other, and says of each what came of it.
func opens(t *testing.T, n int, from *nstest.Host, src, dst string) (conns []net.Conn, words []string) {
	t.Helper()
	for range n {
		c, word := open(t, from, src, dst)
		if c != nil {
			conns = append(conns, c)
		}
		words = append(words, word)
	}
	return conns, words
}

// What is beyond a limit is refused, of the client or service that it is about and of no other; a
// connection that closes makes room for another.
func TestLimits(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"], limits: {connections_per_client: 2}}
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.2, "2001:db8:99::2"], limits: {connections: 2, action: reject}}
services:
  - {name: client, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, tcp/81], real_servers: [192.168.1.1, "fd05::1"], limits: {connections_per_client: 3, mask6: 64}}
  - {name: total, vip: [203.0.113.2, "2001:db8::2"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"], limits: {connections: 3, action: reject}}
  - {name: rate, vip: [203.0.113.3, "2001:db8::3"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"], limits: {new_per_client: 1/hour, burst: 3, action: reject}}
  - {name: free, vip: [203.0.113.4, "2001:db8::4"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"]}
`)
	want := func(what string, got []string, want ...string) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	conns, got := opens(t, 4, s.Office, "10.1.200.1", "203.0.113.1:80")
	want("one client", got, "open", "open", "open", "silent")
	_, got = opens(t, 1, s.Office, "10.1.200.1", "203.0.113.1:81")
	want("the same at another port of the service", got, "silent")
	_, got = opens(t, 1, s.Office, "10.1.200.2", "203.0.113.1:80")
	want("another client", got, "open")
	_, got = opens(t, 1, s.Office, "10.1.200.1", "203.0.113.4:80")
	want("another service", got, "open")
	conns[0].Close()
	time.Sleep(300 * time.Millisecond) // until the close is seen, and the hold is over
	_, got = opens(t, 2, s.Office, "10.1.200.1", "203.0.113.1:80")
	want("after one closed", got, "open", "silent")
	_, got = opens(t, 2, s.Office, "fd01::8000:0:0:1", "[2001:db8::1]:80")
	_, more := opens(t, 2, s.Office, "fd01::8000:0:0:2", "[2001:db8::1]:80")
	want("IPv6 clients of one /64", append(got, more...), "open", "open", "open", "silent")

	conns, got = opens(t, 2, s.Office, "10.1.200.3", "203.0.113.2:80")
	_, more = opens(t, 2, s.Office, "fd01::8000:0:0:3", "[2001:db8::2]:80")
	want("all together, of both families", append(got, more...), "open", "open", "open", "refused")
	_, got = opens(t, 1, s.Office, "10.1.200.4", "203.0.113.2:80")
	want("all together, another client", got, "refused")
	conns[1].Close()
	time.Sleep(300 * time.Millisecond)
	_, got = opens(t, 2, s.Office, "10.1.200.4", "203.0.113.2:80")
	want("all together, after one closed", got, "open", "refused")

	_, got = opens(t, 5, s.Office, "10.1.200.5", "203.0.113.3:80")
	want("rate", got, "open", "open", "open", "refused", "refused")
	_, got = opens(t, 4, s.Office, "fd01::8000:0:0:5", "[2001:db8::3]:80")
	want("rate, IPv6", got, "open", "open", "open", "refused")

	_, got = opens(t, 3, s.Guests, "10.2.5.9", "8.8.8.8:80")
	want("zone, of one client", got, "open", "open", "silent")
	_, got = opens(t, 3, s.Guests, "fd02::9", "[2001:db8:8::8]:80")
	want("zone, of one IPv6 client", got, "open", "open", "silent")
	_, got = opens(t, 2, s.Office, "10.1.5.9", "8.8.8.8:80")
	_, more = opens(t, 1, s.Office, "fd01::9", "[2001:db8:8::8]:80")
	want("zone, all together", append(got, more...), "open", "open", "refused")
}
