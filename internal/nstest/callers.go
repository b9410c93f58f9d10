package nstest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// toaKind is the kind of the TCP option that tells a client's address and port.
const toaKind = 254

// ServeCallers answers every connection to addr with the client that an option of its SYN told of, or
// "nobody", then sends back whatever it receives. It reads the SYN as any program can (tcp(7), TCP_SAVED_SYN), and takes
// data in it where net.ipv4.tcp_fastopen says so.
func (h *Host) ServeCallers(addr string) error {
	save := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return errors.Join(setOption(c, unix.IPPROTO_TCP, unix.TCP_SAVE_SYN, 1), setOption(c, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16))
	}}
	l, err := h.listenTCP(save, addr)
	if err != nil {
		return err
	}
	go answerEach(l, func(c net.Conn) string { return toldOf(c.(*net.TCPConn)) + "\n" })
	return nil
}

// toldOf returns the client that the SYN of a connection told of.
func toldOf(c *net.TCPConn) string {
	raw, err := c.SyscallConn()
	if err != nil {
		return err.Error()
	}
	syn, size := make([]byte, 512), uint32(512)
	var e syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, e = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_SAVED_SYN, uintptr(unsafe.Pointer(&syn[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	switch {
	case err != nil:
		return err.Error()
	case e != 0:
		return e.Error()
	}
	if who, ok := ClientOf(syn[:size]); ok {
		return who.String()
	}
	return "nobody"
}

// ClientOf reads the option that tells a client from an IP packet with TCP, without extension headers. Of no packet, as
// SYN cookies leave it, there is no client.
func ClientOf(packet []byte) (client netip.AddrPort, ok bool) {
	if len(packet) < 40 {
		return client, false
	}
	head := 40
	if packet[0]>>4 == 4 {
		head = int(packet[0]&15) * 4
	}
	tcp := packet[head:]
	for o := tcp[20 : tcp[12]>>4*4]; len(o) > 1 && o[0] != 0; {
		switch {
		case o[0] == 1:
			o = o[1:]
			continue
		case o[1] < 2 || int(o[1]) > len(o):
			return client, false
		case o[0] == toaKind:
			addr, ok := netip.AddrFromSlice(o[4:o[1]])
			return netip.AddrPortFrom(addr, uint16(o[2])<<8|uint16(o[3])), ok
		}
		o = o[o[1]:]
	}
	return client, false
}
