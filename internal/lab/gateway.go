package lab

import (
	"context"
	"net"

	"golang.org/x/net/ipv4"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// Gateway is a world in which packets go from Office through the gateway to Outside, which
// owns the addresses of all real servers, and the VIPs, for what is not translated, and takes
// what it is sent without a word.
type Gateway struct {
	*nstest.World
	raw *ipv4.PacketConn // of Office, for datagrams from any address
	udp net.PacketConn
	tcp net.Listener

	streams sink
}

// Networks that the samples' addresses lie in.
const sourceNet, serverNet, vipNet = sample.Sources + "/10", sample.Servers + "/12", "20.0.0.0/8"

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
	}{{g.Office, sourceNet}, {g.Outside, serverNet}, {g.Outside, vipNet}} {
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
	go g.serve()
	return nil
}

// serve accepts connections until the listener closes. It closes them at once, but for those
// of Stream.
func (g *Gateway) serve() {
	for {
		c, err := g.tcp.Accept()
		if err != nil {
			return
		}
		if g.streams.open.Load() {
			go g.streams.drain(c)
			continue
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
