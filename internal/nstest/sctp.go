package nstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"

	"golang.org/x/sys/unix"
)

// SCTP has no socket on kernels without CONFIG_IP_SCTP, but conntrack translates it all
// the same. These helpers speak just the first half of its handshake over raw sockets.

// SCTPSniffer waits on a host for SCTP INIT packets.
type SCTPSniffer struct{ fd int }

// SniffSCTP opens a sniffer for IPv4.
func (h *Host) SniffSCTP() (*SCTPSniffer, error) {
	s := &SCTPSniffer{}
	err := h.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		if err != nil {
			return err
		}
		tv := unix.NsecToTimeval(int64(Patience))
		return unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: raw SCTP socket: %w", h.Name, err)
	}
	h.owns(s)
	return s, nil
}

// Close ends the sniffer.
func (s *SCTPSniffer) Close() error { return unix.Close(s.fd) }

// Next returns the addresses of the next SCTP packet.
func (s *SCTPSniffer) Next() (Tuple, error) {
	buf := make([]byte, 2048)
	n, _, err := unix.Recvfrom(s.fd, buf, 0)
	if errors.Is(err, unix.EAGAIN) {
		return Tuple{}, fmt.Errorf("%w: no SCTP packet within %s", ErrSilent, Patience)
	}
	if err != nil {
		return Tuple{}, err
	}
	head := int(buf[0]&0xf) * 4
	if n < head+12 {
		return Tuple{}, fmt.Errorf("short SCTP packet of %d bytes", n)
	}
	addr := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(buf[at : at+4])) }
	port := func(at int) uint16 { return binary.BigEndian.Uint16(buf[head+at:]) }
	return Tuple{netip.AddrPortFrom(addr(12), port(0)), netip.AddrPortFrom(addr(16), port(2))}, nil
}

// SendSCTP sends an SCTP INIT from a port of the host (IPv4, RFC 9260 section 3.3.2).
func (h *Host) SendSCTP(sport uint16, raddr netip.AddrPort) error {
	p := make([]byte, 32)
	binary.BigEndian.PutUint16(p[0:], sport)
	binary.BigEndian.PutUint16(p[2:], raddr.Port())
	p[12] = 1                                    // chunk INIT
	binary.BigEndian.PutUint16(p[14:], 20)       // its length
	binary.BigEndian.PutUint32(p[16:], 0x5eed)   // initiate tag
	binary.BigEndian.PutUint32(p[20:], 64<<10)   // receiver window
	binary.BigEndian.PutUint16(p[24:], 1)        // outbound streams
	binary.BigEndian.PutUint16(p[26:], 1)        // inbound streams
	binary.BigEndian.PutUint32(p[28:], 0x5eed01) // first TSN
	sum := crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(p[8:], sum)
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, p, 0, &unix.SockaddrInet4{Addr: raddr.Addr().As4()})
	})
}
