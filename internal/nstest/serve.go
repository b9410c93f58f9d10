package nstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
)

// ServeTCP answers every connection to addr (":80", "8.8.8.8:53", "[fd05::1]:80") with one
// line, "<host> <peer as seen>", then sends back whatever it receives.
func (h *Host) ServeTCP(addr string) error {
	l, err := h.listenTCP(net.ListenConfig{}, addr)
	if err != nil {
		return err
	}
	go AnswerTCP(h.Name, l)
	return nil
}

func (h *Host) listenTCP(how net.ListenConfig, addr string) (l net.Listener, err error) {
	err = h.Do(func() (err error) {
		l, err = how.Listen(context.Background(), "tcp", addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	h.owns(l)
	return l, nil
}

// AnswerTCP answers as ServeTCP does, under the name of a host, until the listener is closed.
func AnswerTCP(host string, l net.Listener) {
	answerEach(l, func(c net.Conn) string { return answer(host, c.RemoteAddr().(*net.TCPAddr).AddrPort()) })
}

// answerEach sends what is to be said of each connection, then whatever that receives.
func answerEach(l net.Listener, say func(net.Conn) string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if _, err := io.WriteString(c, say(c)); err == nil {
				io.Copy(c, c)
			}
		}()
	}
}

// ServeUDP answers every datagram to addr with "<host> <peer as seen>". An address that is
// not the host's only one of its family must be written out, for answers to come from it.
func (h *Host) ServeUDP(addr string) error {
	c, err := h.listenUDP(addr)
	if err != nil {
		return err
	}
	go AnswerUDP(h.Name, c)
	return nil
}

// AnswerUDP answers as ServeUDP does, under the name of a host, until the socket is closed.
func AnswerUDP(host string, c *net.UDPConn) {
	for buf := make([]byte, 2048); ; {
		_, peer, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		c.WriteToUDPAddrPort([]byte(answer(host, peer)), peer)
	}
}

// Sink counts datagrams and never answers.
type Sink struct{ n atomic.Int64 }

// Received returns how many datagrams have come.
func (s *Sink) Received() int { return int(s.n.Load()) }

// SinkUDP takes datagrams to addr without answering.
func (h *Host) SinkUDP(addr string) (*Sink, error) {
	c, err := h.listenUDP(addr)
	if err != nil {
		return nil, err
	}
	s := &Sink{}
	go func() {
		buf := make([]byte, 2048)
		for {
			if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
				return
			}
			s.n.Add(1)
		}
	}()
	return s, nil
}

func (h *Host) listenUDP(addr string) (*net.UDPConn, error) {
	var c net.PacketConn
	err := h.Do(func() (err error) {
		c, err = net.ListenPacket("udp", addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	h.owns(c)
	return c.(*net.UDPConn), nil
}

func answer(host string, peer netip.AddrPort) string {
	return fmt.Sprintf("%s %s\n", host, netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()))
}
