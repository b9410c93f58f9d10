package integration

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Segments that belong to no connection leave through an uplink neither translated nor as they
// are, unless gateway.invalid says so: chains of type nat never see them.
func TestInvalidLeavesNot(t *testing.T) {
	const (
		fin, rst, psh, urg = 1, 4, 8, 32
		policy             = "version: 1\ngateway: {uplinks: wan0, unmatched: drop%s}\nzones:\n  - {name: jail, from: [10.1.0.0/16, \"fd01::/64\"], action: drop}\n"
	)
	s := startSite(t, "")
	nft(t, s.Outside, "table inet watch { chain in { type filter hook prerouting priority -300; tcp sport 4444 counter\n}\n}\n")
	seen := func() int {
		var n int
		text := output(t, s.Outside, "nft", "list", "table", "inet", "watch")
		if _, err := fmt.Sscanf(text[strings.Index(text, "counter packets"):], "counter packets %d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	shoot := func() (sent int) {
		for _, to := range []string{"8.8.8.8", "2001:db8:8::8"} {
			for _, flags := range []byte{fin, rst, fin | psh | urg, 0} {
				must(t, s.Office.Do(func() error { return segment(netip.MustParseAddr(to), flags) }))
				sent++
			}
		}
		return sent
	}
	apply(t, s.Gateway, fmt.Sprintf(policy, ", invalid: accept"))
	sent := shoot()
	if n := seen(); n != sent {
		t.Fatalf("with invalid: accept %d of %d segments come through: this test shows nothing", n, sent)
	}
	apply(t, s.Gateway, fmt.Sprintf(policy, ""))
	shoot()
	if n := seen(); n != sent {
		t.Errorf("%d segments without a connection left through the uplink", n-sent)
	}
	if text := output(t, s.Gateway, "nft", "list", "chain", "inet", "snatctl", "forward"); !strings.Contains(text, fmt.Sprintf("counter packets %d ", sent)) {
		t.Errorf("the rule has not counted %d segments:\n%s", sent, text)
	}
}

// segment sends a TCP segment without data from port 4444 to port 80.
func segment(to netip.Addr, flags byte) error {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h, 4444)
	binary.BigEndian.PutUint16(h[2:], 80)
	binary.BigEndian.PutUint32(h[4:], 1000)
	h[12], h[13] = 5<<4, flags
	binary.BigEndian.PutUint16(h[14:], 1024)
	family, port := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: to.As16()})
	if to.Is4() {
		family, port = unix.AF_INET, &unix.SockaddrInet4{Addr: to.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, port); err != nil {
		return err
	}
	if to.Is6() {
		const checksum = 7 // IPV6_CHECKSUM: the kernel fills it in at this offset
		if err := unix.SetsockoptInt(fd, unix.SOL_RAW, checksum, 16); err != nil {
			return err
		}
		_, err = unix.Write(fd, h)
		return err
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	from := local.(*unix.SockaddrInet4).Addr
	dst := to.As4()
	sum := uint32(unix.IPPROTO_TCP + len(h))
	for _, b := range [][]byte{from[:], dst[:], h} {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(h[16:], ^uint16(sum))
	_, err = unix.Write(fd, h)
	return err
}

// The last segments of connections that conntrack does not know any more leave through no uplink
// with the address that they have: those of a real server whose flow ended when it was removed,
// in mode nat and fullnat, and those of a client whose flow was forgotten.
func TestLastSegmentsLeaveNot(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1]%s}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, real_servers: ["%[2]s:81"]}
  - {name: full, vip: 203.0.113.11, ports: tcp/80, mode: fullnat, laddrs: 192.168.2.250, real_servers: ["%[2]s:82"]}
`
	senders := []string{"192.168.1.1:81", "192.168.1.1:82", "10.1.5.9:4000"}
	nft(t, s.Outside, `table inet watch {
	chain in {
		type filter hook prerouting priority -300
		ip saddr 192.168.1.1 tcp sport 81 counter
		ip saddr 192.168.1.1 tcp sport 82 counter
		ip saddr 10.1.5.9 tcp sport 4000 counter
	}
}`)
	seen := func() (n [3]int) {
		for i, m := range regexp.MustCompile(`counter packets (\d+)`).FindAllStringSubmatch(output(t, s.Outside, "nft", "list", "table", "inet", "watch"), -1) {
			var err error
			n[i], err = strconv.Atoi(m[1])
			must(t, err)
		}
		return n
	}
	web, full := listen(t, s.RS[0], "192.168.1.1:81"), listen(t, s.RS[0], "192.168.1.1:82")
	for _, invalid := range []string{", invalid: accept", ""} {
		apply(t, s.Gateway, fmt.Sprintf(policy, invalid, "192.168.1.1"))
		var ends []net.Conn
		for _, service := range []struct {
			vip  string
			real net.Listener
		}{{"203.0.113.10:80", web}, {"203.0.113.11:80", full}} {
			c, err := s.Outside.Dial("tcp", "8.8.8.8", service.vip)
			must(t, err)
			defer c.Close()
			end, err := service.real.Accept()
			must(t, err)
			ends = append(ends, end)
		}
		c, err := s.Office.Dial("tcp", "10.1.5.9:4000", "8.8.8.8:80")
		must(t, err)
		r := snatctl(t, s.Gateway, fmt.Sprintf(policy, invalid, "192.168.1.3"), "apply", "--format", "json")
		if flowsEnded(t, r) != 2 {
			t.Fatalf("apply ends %d flows, want 2\n%s%s", flowsEnded(t, r), r.Stdout, r.Stderr)
		}
		must(t, s.Gateway.FlushFlows(t.Context()))
		before := seen()
		for _, end := range append(ends, c) {
			must(t, end.Close())
		}
		time.Sleep(nstest.Silence) // each is sent again if nobody answers
		for i, n := range seen() {
			if left := n - before[i]; (left > 0) != (invalid != "") {
				t.Errorf("with %q %d segments left from %s", invalid, left, senders[i])
			}
		}
	}
}
