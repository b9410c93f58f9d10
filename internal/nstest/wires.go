package nstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Wires is a gateway whose interfaces all end in the test: it sends packets into them as it
// likes, of any source, and sees whatever comes out. Nobody answers, and nobody need: the
// gateway resolves no neighbours. It is not safe for concurrent use.
type Wires struct {
	Gateway *Host

	far    *Host
	fd     int // packet socket of all far ends
	self   map[bool]int
	wires  map[string]wire
	names  map[int]string // by the index of the far end
	routes map[netip.Addr]string
	first  string // where all that has no route of its own leaves
}

// wire is one interface of the gateway.
type wire struct {
	number    int
	near, far int // indexes of both ends
	address   net.HardwareAddr
}

// NewWires makes a gateway with interfaces of the given names. The i-th, counted from 1, has
// the addresses 192.0.2.i and fd0a::i.
func NewWires(t testing.TB, names ...string) *Wires {
	t.Helper()
	w := &Wires{Gateway: NewHost(t, "gateway"), far: NewHost(t, "far"), fd: -1, self: make(map[bool]int),
		wires: make(map[string]wire), names: make(map[int]string), routes: make(map[netip.Addr]string)}
	if err := w.build(names); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func (w *Wires) build(names []string) error {
	if err := w.far.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"); err != nil {
		return err
	}
	for _, key := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := w.Gateway.Sysctl(key, "1"); err != nil {
			return err
		}
	}
	// Answers to refused packets are not to be counted (Linux 4.19 and later know these).
	for key, value := range map[string]string{"net/ipv4/icmp_ratemask": "0", "net/ipv6/icmp/ratemask": "\n"} {
		_ = w.Gateway.Sysctl(key, value)
	}
	for i, name := range names {
		if err := w.wire(i+1, name); err != nil {
			return fmt.Errorf("wire %s: %w", name, err)
		}
	}
	w.first = names[0]
	for _, everywhere := range []string{"0.0.0.0/0", "::/0"} {
		if err := w.Gateway.AddRoute(names[0], everywhere, ""); err != nil {
			return fmt.Errorf("default route: %w", err)
		}
	}
	return w.open()
}

func (w *Wires) wire(i int, name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Namespace = name, netlink.NsFd(int(w.Gateway.ns))
	far := fmt.Sprintf("far%d", i)
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: far, PeerNamespace: netlink.NsFd(int(w.far.ns))}); err != nil {
		return err
	}
	near, err := w.Gateway.nl.LinkByName(name)
	if err != nil {
		return err
	}
	if err := w.Gateway.nl.LinkSetARPOff(near); err != nil {
		return err
	}
	if err := errors.Join(up(w.Gateway, name), up(w.far, far)); err != nil {
		return err
	}
	for _, a := range w.addrs(i) {
		if err := w.Gateway.AddAddr(name, netip.PrefixFrom(a, a.BitLen()).String()); err != nil {
			return err
		}
	}
	end, err := w.far.nl.LinkByName(far)
	if err != nil {
		return err
	}
	w.wires[name] = wire{i, near.Attrs().Index, end.Attrs().Index, near.Attrs().HardwareAddr}
	w.names[end.Attrs().Index] = name
	return nil
}

func (w *Wires) addrs(i int) []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), netip.MustParseAddr(fmt.Sprintf("fd0a::%x", i))}
}

// Addr returns the gateway's address on an interface.
func (w *Wires) Addr(name string, v6 bool) netip.Addr {
	pair := w.addrs(w.wires[name].number)
	if v6 {
		return pair[1]
	}
	return pair[0]
}

// All packets, whatever their protocol (linux/if_ether.h), in network byte order.
const everyProtocol = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8

func (w *Wires) open() error {
	err := w.far.Do(func() (err error) {
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, everyProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	return w.Gateway.Do(func() error {
		for v6, family := range map[bool]int{false: unix.AF_INET, true: unix.AF_INET6} {
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
			if err != nil {
				return fmt.Errorf("raw socket: %w", err)
			}
			w.self[v6] = fd
		}
		return nil
	})
}

func (w *Wires) close() {
	for _, fd := range w.self {
		unix.Close(fd)
	}
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
}

// Route makes the gateway send what is for an address through an interface.
func (w *Wires) Route(to netip.Addr, name string) error {
	if w.routes[to] == name {
		return nil
	}
	w.routes[to] = name
	return w.Gateway.nl.RouteReplace(&netlink.Route{LinkIndex: w.wires[name].near, Dst: ipNet(netip.PrefixFrom(to, to.BitLen()).String()), Scope: unix.RT_SCOPE_LINK})
}

// Leads returns the interface that the gateway sends what is for an address through.
func (w *Wires) Leads(to netip.Addr) string {
	if name := w.routes[to]; name != "" {
		return name
	}
	return w.first
}

// Send lets an IP packet enter the gateway through an interface.
func (w *Wires) Send(name string, packet []byte) error {
	typ := uint16(unix.ETH_P_IP)
	if packet[0]>>4 == 6 {
		typ = unix.ETH_P_IPV6
	}
	frame := append([]byte{}, w.wires[name].address...)
	frame = append(frame, 2, 0, 0, 0, 0, 1)
	frame = binary.BigEndian.AppendUint16(frame, typ)
	return unix.Sendto(w.fd, append(frame, packet...), 0, &unix.SockaddrLinklayer{Ifindex: w.wires[name].far, Protocol: typ<<8 | typ>>8})
}

// SendSelf lets the gateway itself send an IP packet. What its own rules drop is no error.
func (w *Wires) SendSelf(packet []byte) error {
	var err error
	if packet[0]>>4 == 6 {
		err = unix.Sendto(w.self[true], packet, 0, &unix.SockaddrInet6{Addr: [16]byte(packet[24:40])})
	} else {
		err = unix.Sendto(w.self[false], packet, 0, &unix.SockaddrInet4{Addr: [4]byte(packet[16:20])})
	}
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

// Receive returns the next IP packet that the gateway sent, and through which interface. It
// waits no longer than the limit; then it returns nothing.
func (w *Wires) Receive(limit time.Duration) (name string, packet []byte, err error) {
	buf := make([]byte, 2048)
	for deadline := time.Now().Add(limit); ; {
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		switch {
		case err == unix.EAGAIN:
			left := time.Until(deadline)
			if left <= 0 {
				return "", nil, nil
			}
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1); err != nil && err != unix.EINTR {
				return "", nil, err
			}
		case err == unix.EINTR:
		case err != nil:
			return "", nil, err
		default:
			if ll := from.(*unix.SockaddrLinklayer); ll.Pkttype != unix.PACKET_OUTGOING && n > 14 {
				return w.names[ll.Ifindex], buf[14:n], nil
			}
		}
	}
}
