package integration

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
)

// tries makes a connection, and says in a word what came of it. One that opens stays open.
func tries(t *testing.T, limit time.Duration, from *nstest.Host, src, dst string) (net.Conn, string) {
	t.Helper()
	c, err := from.DialWithin(limit, "tcp", src, dst)
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

// opens makes connections one after the other, of which this should come, and returns those that open.
func opens(t *testing.T, from *nstest.Host, src, dst string, want ...string) (conns []net.Conn) {
	t.Helper()
	for i, word := range want {
		limit := 20 * time.Second
		if word == "silent" {
			limit = 700 * time.Millisecond // the kernel tries again after a second, which would count
		}
		c, got := tries(t, limit, from, src, dst)
		if got != word {
			t.Errorf("%s > %s, number %d of %v: %s", src, dst, i+1, want, got)
		}
		if c != nil {
			conns = append(conns, c)
		}
	}
	return conns
}

// reopens waits until there is room for a connection.
func reopens(t *testing.T, from *nstest.Host, src, dst string) {
	t.Helper()
	until(t, "room for "+src+" > "+dst, func() bool { _, got := tries(t, 20*time.Second, from, src, dst); return got == "open" })
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
	conns := opens(t, s.Office, "10.1.200.1", "203.0.113.1:80", "open", "open", "open", "silent")
	opens(t, s.Office, "10.1.200.1", "203.0.113.1:81", "silent") // at another port of the service
	opens(t, s.Office, "10.1.200.2", "203.0.113.1:80", "open")   // another client
	opens(t, s.Office, "10.1.200.1", "203.0.113.4:80", "open")   // another service
	conns[0].Close()
	reopens(t, s.Office, "10.1.200.1", "203.0.113.1:80")
	opens(t, s.Office, "10.1.200.1", "203.0.113.1:80", "silent")
	opens(t, s.Office, "fd01::8000:0:0:1", "[2001:db8::1]:80", "open", "open")
	opens(t, s.Office, "fd01::8000:0:0:2", "[2001:db8::1]:80", "open", "silent") // of the same /64

	conns = opens(t, s.Office, "10.1.200.3", "203.0.113.2:80", "open", "open")
	opens(t, s.Office, "fd01::8000:0:0:3", "[2001:db8::2]:80", "open", "refused") // both families together
	opens(t, s.Office, "10.1.200.4", "203.0.113.2:80", "refused")                 // another client
	conns[1].Close()
	reopens(t, s.Office, "10.1.200.4", "203.0.113.2:80")
	opens(t, s.Office, "10.1.200.4", "203.0.113.2:80", "refused")

	opens(t, s.Office, "10.1.200.5", "203.0.113.3:80", "open", "open", "open", "refused", "refused")
	opens(t, s.Office, "fd01::8000:0:0:5", "[2001:db8::3]:80", "open", "open", "open", "refused")

	opens(t, s.Guests, "10.2.5.9", "8.8.8.8:80", "open", "open", "silent")
	opens(t, s.Guests, "fd02::9", "[2001:db8:8::8]:80", "open", "open", "silent")
	opens(t, s.Office, "10.1.5.9", "8.8.8.8:80", "open", "open")
	opens(t, s.Office, "fd01::9", "[2001:db8:8::8]:80", "refused")
}

const limited = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.2, limits: {connections_per_client: 1, new_per_client: 10000/second, burst: 10000, action: reject}}
services:
  - {name: total, vip: 203.0.113.2, ports: tcp/80, scheduler: rr, real_servers: [192.168.1.1, 192.168.1.2], limits: {connections: 3, action: reject}}
  - {name: free, vip: 203.0.113.4, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`

// What limits refuse is counted by object and limit: status, the API and metrics say the same. Where a limit
// changes, the table counts anew, open connections too, and the sums of metrics go on.
func TestLimitsCount(t *testing.T) {
	s := newSite(t, nstest.Options{})
	a := runAgent(t, s.Gateway, limited, "--http", "127.0.0.1:0")
	at := a.window(t)
	a.scrape(t, at)
	opens(t, s.Office, "10.1.200.1", "203.0.113.2:80", "open", "open", "open", "refused", "refused")
	opens(t, s.Office, "10.1.5.9", "8.8.8.8:80", "open", "refused")
	opens(t, s.Office, "10.1.200.7", "8.8.8.8:80", "open")

	st := status(t, s.Gateway)
	got := fmt.Sprint(st.Services[1].Limits, st.Zones[0].Limits)
	want := fmt.Sprint([]ct.Limit{{Key: "connections", Bound: "3", Action: "reject", Refused: 2}},
		[]ct.Limit{{Key: "new_per_client", Bound: "10000/second burst 10000", Action: "reject"}, {Key: "connections_per_client", Bound: "1", Action: "reject", Refused: 1}})
	if got != want {
		t.Errorf("status says %s, want %s", got, want)
	}
	if n := st.Services[1].New; n != 3 {
		t.Errorf("the service took %d connections, want 3", n)
	}
	text := strings.Fields(prints(t, s.Gateway, "status", "--service", "total"))
	if said := strings.Join(text, " "); !strings.Contains(said, "limit at most beyond refused connections 3 reject 2") {
		t.Errorf("status says %s", said)
	}
	d := describe(t, s.Gateway, at)
	d.get(t, "/api/v1/status", 200)
	sums := scraped{
		`snatctl_service_refused_connections_total{limit="connections",service="total"}`:       2,
		`snatctl_zone_refused_connections_total{limit="connections_per_client",zone="office"}`: 1,
		`snatctl_zone_refused_connections_total{limit="new_per_client",zone="office"}`:         0,
	}
	a.counts(t, at, sums)
	changed := strings.Replace(limited, "connections: 3,", "connections: 2,", 1)
	a.write(t, changed)
	until(t, "the policy to be in force", func() bool { return snatctl(t, s.Gateway, changed, "diff").Code == 0 })
	a.counts(t, at, sums)
	opens(t, s.Office, "10.1.200.1", "203.0.113.2:80", "open", "open", "refused")
}

// Connections that are open keep their places when other objects change, real servers go down and up,
// all of them, or the same policy is applied again.
func TestLimitsKeepCounts(t *testing.T) {
	s := startSite(t, limited)
	conns := opens(t, s.Office, "10.1.200.1", "203.0.113.2:80", "open", "open")
	opens(t, s.Office, "10.1.5.9", "8.8.8.8:80", "open")
	full := func() {
		t.Helper()
		opens(t, s.Office, "10.1.200.9", "203.0.113.2:80", "refused")
		opens(t, s.Office, "10.1.5.9", "8.8.8.8:80", "refused")
	}
	apply(t, s.Gateway, limited)
	opens(t, s.Office, "10.1.200.1", "203.0.113.2:80", "open")
	full()
	wantDiff(t, s.Gateway, limited, 0)

	more := limited + `  - {name: more, vip: 203.0.113.5, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2], limits: {connections: 5, action: reject}}` + "\n"
	apply(t, s.Gateway, more)
	full()
	apply(t, s.Gateway, limited)
	full()

	e := engaged(t, s.Gateway, limited)
	full()
	e.evict(t, map[string]policy.ServiceState{"total": down("192.168.1.1")})
	full()
	e.reshape(t)
	full()
	e.evict(t, map[string]policy.ServiceState{"total": down("192.168.1.1", "192.168.1.2")})
	e.reshape(t)
	e.evict(t, map[string]policy.ServiceState{"total": {}})
	e.reshape(t)
	full()
	conns[0].Close()
	conns[1].Close()
	reopens(t, s.Office, "10.1.200.3", "203.0.113.2:80")
	opens(t, s.Office, "10.1.5.9", "8.8.8.8:80", "refused")
}

// Many connections are counted in parts: there are never more than the limit says, most of its places are
// taken before any connection is refused, and all are taken in the end.
func TestLimitsInParts(t *testing.T) {
	const limit = 10_000
	f := newFlooded(t, fmt.Sprintf(`
version: 1
zones:
  - {name: crowd, from: 10.9.0.0/16, map: 198.18.0.0/16, limits: {connections: %d}}
`, limit))
	refused := func() int { return int(status(t, f.Gateway).Zones[0].Limits[0].Refused) }
	f.send(limit / 2)
	first := 0
	for f.sent < 2*limit {
		before := f.sent
		f.try(limit / 50)
		if now := f.entries(); now > limit {
			t.Fatalf("%d of %d connections are open", now, limit)
		}
		if first == 0 && refused() > 0 {
			first = before
		}
	}
	t.Logf("the first connection of %d is refused at %d to %d", limit, first, first+limit/50)
	if first < limit*7/10 {
		t.Errorf("connections are refused from %d on", first)
	}
	until(t, "all places to be taken", func() bool {
		n := f.entries()
		if n < limit { // a busy machine loses some on the way
			f.sent = limit / 2
			f.try(2*limit - f.sent)
		}
		return n == limit
	})
}

// A client that floods a service holds no more flows than it may, from however many addresses of its /64, and
// everybody else is served.
func TestLimitsFlood(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: dns, vip: [203.0.113.1, "2001:db8::1"], ports: udp/53, real_servers: [192.168.1.1, "fd05::1"], limits: {connections: 100, connections_per_client: 20, mask6: 64}}
  - {name: free, vip: 203.0.113.4, ports: udp/53, real_servers: [192.168.1.1]}
`)
	const many = 150
	for i := range many {
		for _, f := range [][2]string{{"10.1.200.1", "203.0.113.1:53"}, {fmt.Sprintf("fd01::8000:0:1:%x", i+1), "[2001:db8::1]:53"}} {
			c, err := s.Office.Dial("udp", f[0], f[1])
			must(t, err)
			t.Cleanup(func() { c.Close() })
			_, err = c.Write([]byte("?\n"))
			must(t, err)
		}
	}
	for _, vip := range []string{"203.0.113.1", "2001:db8::1"} {
		if n := len(flowsWith(t, s.Gateway, func(f nstest.Flow) bool { return f.Orig.Dst.Addr().String() == vip })); n != 20 {
			t.Errorf("%d flows to %s, want 20", n, vip)
		}
	}
	for i := range 30 {
		for _, to := range []string{"203.0.113.1:53", "203.0.113.4:53"} {
			_, err := s.Office.Ask("udp", fmt.Sprintf("10.1.201.%d:0", i+1), to)
			must(t, err)
		}
	}
	l := status(t, s.Gateway).Services[0].Limits
	if l[0].Refused < many || l[1].Refused != 0 {
		t.Errorf("limits refused %v", l)
	}
}
