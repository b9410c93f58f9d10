package lab

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
)

// Arrived is where a datagram came from and what it was sent to, as its receiver saw it.
type Arrived struct{ Src, Dst netip.Addr }

// Receive takes the next datagram that reached the far side of the gateway. The queue there
// holds one or two: send them one by one.
func (g *Gateway) Receive(limit time.Duration) (a Arrived, err error) {
	c := ipv4.NewPacketConn(g.udp)
	if err := c.SetControlMessage(ipv4.FlagDst, true); err != nil {
		return a, err
	}
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return a, err
	}
	_, cm, from, err := c.ReadFrom(make([]byte, 64))
	if err != nil {
		return a, err
	}
	if cm == nil {
		return a, errors.New("the kernel does not tell where the datagram was sent to")
	}
	a.Src = from.(*net.UDPAddr).AddrPort().Addr().Unmap()
	a.Dst, _ = netip.AddrFromSlice(cm.Dst.To4())
	return a, nil
}
