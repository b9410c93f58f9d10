package lab

import (
	"context"
	"net"

	"golang.org/x/net/ipv4"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// Gateway is a world in which packets go from Office through the gateway to Outside, which
// owns the addresses of all real servers and takes what it is sent without a word.
type Gateway struct {
	*nstest.World
	raw *ipv4.PacketConn // of Office, for datagrams from any address
	udp net.PacketConn
	tcp net.Listener
}

// Networks that the samples' addresses lie in.
const sourceNet, serverNet = sample.Sources + "/10", sample.Servers + "/12"

// NewGateway makes the world. Close it when done.
func NewGateway(ctx context.Context) (*Gateway, error) {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return nil, err
	}
	g := &Gateway{World: w}
	if err := g.build(ctx); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) build(ctx context.Context) error {
	for _, x := range []struct {
		host *nstest.Host
		net  string
	}{{g.Office, sourceNet}, {g.Outside, serverNet}} {
		if _, err := x.host.Output(ctx, "ip", "route", "add", "local", x.net, "dev", "lo"); err != nil {
			return err
		}
	}
	if err := g.Gateway.AddRoute("lan0", sourceNet, "10.1.5.9"); err != nil {
		return err
	}
	err := g.Office.Do(func() error {
		c, err := net.ListenPacket("ip4:255", "0.0.0.0") // IPPROTO_RAW: headers are ours (raw(7))
		if err == nil {
			g.raw = ipv4.NewPacketConn(c)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = g.Outside.Do(func() (err error) {
		if g.udp, err = net.ListenPacket("udp4", ":80"); err != nil {
			return err
		}
		g.tcp, err = net.Listen("tcp4", ":80")
		return err
	})
	if err != nil {
		return err
	}
	// Datagrams are never read: a short queue makes them cheap.
	if err := g.udp.(*net.UDPConn).SetReadBuffer(2048); err != nil {
		return err
	}
	go hangUp(g.tcp)
	return nil
}

// hangUp accepts connections and closes them at once, until the listener closes.
func hangUp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// Close removes the world.
func (g *Gateway) Close() {
	if g.raw != nil {
		g.raw.Close()
	}
	if g.udp != nil {
		g.udp.Close()
	}
	if g.tcp != nil {
		g.tcp.Close()
	}
	g.World.Close()
}
