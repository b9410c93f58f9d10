package integration

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// segmentOf returns how large the segments are that the caller of a connection may send.
func segmentOf(t testing.TB, c net.Conn) (size int) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) }))
	must(t, err)
	return size
}

var mssOf = regexp.MustCompile(`\bmss:(\d+)`)

// Both ends of a connection learn the size of segments of its zone, else the gateway's: what a number says, or
// what fits into the route's MTU. It is never raised.
func TestMSS(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1], mss: clamp}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/16"], action: masquerade, mss: 1000}
  - {name: guests, from: [10.2.0.0/16, "fd02::/16"], action: masquerade}
services:
  - {name: web, vip: [203.0.113.1, "2001:db8::1"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: shop, vip: [203.0.113.2, "2001:db8::2"], ports: tcp/80, syn_proxy: true, real_servers: [192.168.1.2, "fd05::2"]}
`
	s := startSite(t, policy)
	wantDiff(t, s.Gateway, policy, 0)
	if r := wantDiff(t, s.Gateway, strings.NewReplacer("mss: clamp", "mss: 1400", "mss: 1000", "mss: clamp").Replace(policy), 1); !strings.Contains(r.Stdout, "mss clamp → 1400") || !strings.Contains(r.Stdout, "~ zone office: mss 1000 → clamp") {
		t.Errorf("diff says\n%s", r.Stdout)
	}
	output(t, s.Gateway, "ip", "link", "set", "wan0", "mtu", "1400")
	output(t, s.Gateway, "ip", "link", "set", "wan1", "mtu", "1400")
	const stamps = 12 // bytes of TCP timestamps in each segment
	for _, c := range []struct {
		from     *nstest.Host
		server   *nstest.Host
		to       string
		announce int
		rounded  int // what a SYN proxy's cookie makes of it for the server (msstab, net/ipv4/syncookies.c and net/ipv6); 0: nothing
	}{
		{s.Office, s.Outside, "8.8.8.8:7", 1000, 0}, {s.Office, s.Outside, "[2001:db8:8::8]:7", 1000, 0},
		{s.Guests, s.Outside, "8.8.8.8:7", 1360, 0}, {s.Guests, s.Outside, "[2001:db8:8::8]:7", 1340, 0},
		{s.Outside, s.RS[0], "203.0.113.1:80", 1360, 0}, {s.Outside, s.RS[0], "[2001:db8::1]:80", 1340, 0},
		{s.Outside, s.RS[1], "203.0.113.2:80", 1360, 1300}, {s.Outside, s.RS[1], "[2001:db8::2]:80", 1340, 1220}, // the gateway speaks with both
		{s.Office, s.RS[0], "203.0.113.1:80", 1460, 0}, // the whole way is wide, and the gateway's counts
	} {
		conn, err := c.from.Dial("tcp", "", c.to)
		must(t, err)
		if got := segmentOf(t, conn); got != c.announce-stamps {
			t.Errorf("%s: the caller sends segments of %d bytes, want %d", c.to, got, c.announce-stamps)
		}
		_, port, _ := net.SplitHostPort(c.to)
		var m []string
		until(t, "the server has the connection to "+c.to, func() bool { // behind a SYN proxy later than the caller
			m = mssOf.FindStringSubmatch(output(t, c.server, "ss", "-tinH", "state", "established", "sport", "=", ":"+port))
			return m != nil
		})
		want := c.announce
		if c.rounded != 0 {
			want = c.rounded
		}
		if got, _ := strconv.Atoi(m[1]); got != want-stamps {
			t.Errorf("%s: the server sends segments of %d bytes, want %d", c.to, got, want-stamps)
		}
		conn.Close()
	}
}
