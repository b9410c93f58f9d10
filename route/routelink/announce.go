package routelink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// Announce tells the neighbours of each address which host has it now: by gratuitous ARP (RFC
// 5227, 3) and unsolicited neighbour advertisements (RFC 4861, 7.2.6). Interfaces that do not
// ask for addresses are left out, as are those that are down.
func Announce(addrs []route.Address) error {
	by := map[string][]netip.Addr{}
	for _, a := range addrs {
		by[a.Interface] = append(by[a.Interface], a.Addr)
	}
	var errs []error
	for name, addrs := range by {
		if err := announce(name, addrs); err != nil {
			errs = append(errs, fmt.Errorf("announce addresses on %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func announce(name string, addrs []netip.Addr) error {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	if len(i.HardwareAddr) != 6 || i.Flags&net.FlagUp == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	mac := [6]byte(i.HardwareAddr)
	for _, a := range addrs {
		to := unix.SockaddrLinklayer{Ifindex: i.Index, Halen: 6}
		frame := gratuitousARP(mac, a)
		to.Protocol = order(unix.ETH_P_ARP)
		copy(to.Addr[:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		if a.Is6() {
			frame = advertisement(mac, a)
			to.Protocol = order(unix.ETH_P_IPV6)
			copy(to.Addr[:], []byte{0x33, 0x33, 0, 0, 0, 1}) // of ff02::1 (RFC 2464, 7)
		}
		if err := unix.Sendto(fd, frame, 0, &to); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENETDOWN) {
			return err
		}
	}
	return nil
}

// order returns a number in the network's order of bytes.
func order(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}

// gratuitousARP is a request for one's own address (RFC 826).
func gratuitousARP(mac [6]byte, a netip.Addr) []byte {
	ip := a.AsSlice()
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1} // Ethernet, IPv4, lengths, request
	b = append(append(b, mac[:]...), ip...)
	return append(append(b, make([]byte, 6)...), ip...)
}

// advertisement is an IPv6 packet with a neighbour advertisement of a router, which overrides
// what neighbours know (RFC 4861, 4.4).
func advertisement(mac [6]byte, a netip.Addr) []byte {
	from := a.As16()
	all := netip.MustParseAddr("ff02::1").As16()
	const router, override = 0x80, 0x20
	icmp := []byte{136, 0, 0, 0, router | override, 0, 0, 0}
	icmp = append(icmp, from[:]...)
	icmp = append(append(icmp, 2, 1), mac[:]...) // target's link-layer address, 8 bytes
	pseudo := append(append([]byte{}, from[:]...), all[:]...)
	pseudo = append(pseudo, 0, 0, 0, byte(len(icmp)), 0, 0, 0, unix.IPPROTO_ICMPV6)
	binary.BigEndian.PutUint16(icmp[2:], checksum(append(pseudo, icmp...)))
	head := []byte{0x60, 0, 0, 0, 0, byte(len(icmp)), unix.IPPROTO_ICMPV6, 255}
	head = append(append(head, from[:]...), all[:]...)
	return append(head, icmp...)
}

// checksum is that of RFC 1071, of whole 16-bit words.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
