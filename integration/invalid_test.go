package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
