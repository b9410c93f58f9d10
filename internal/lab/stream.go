package lab

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/internal/sample"
)

// chunk is how much one system call writes or reads of a stream.
const chunk = 256 << 10

// sink is the far end of streams.
type sink struct {
	open atomic.Bool // connections are streams
	read atomic.Int64
}

func (s *sink) drain(c net.Conn) {
	defer c.Close()
	for b := make([]byte, chunk); ; {
		n, err := c.Read(b)
		s.read.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// Stream writes into one connection to the VIP of the i-th service for a while and returns how
// many bytes a second arrived behind the gateway.
func (g *Gateway) Stream(ctx context.Context, i int, lasts time.Duration) (float64, error) {
	g.streams.open.Store(true)
	defer g.streams.open.Store(false)
	to := netip.AddrPortFrom(at(sample.VIPs, i), dport)
	c, err := g.Office.Dial("tcp", "", to.String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	b := make([]byte, chunk)
	if _, err := c.Write(b); err != nil { // so that the window is open when time begins
		return 0, err
	}
	before, start := g.streams.read.Load(), time.Now()
	end := start.Add(lasts)
	if err := c.SetWriteDeadline(end.Add(5 * time.Second)); err != nil {
		return 0, err
	}
	for time.Now().Before(end) && ctx.Err() == nil {
		if _, err := c.Write(b); err != nil {
			return 0, err
		}
	}
	return float64(g.streams.read.Load()-before) / time.Since(start).Seconds(), ctx.Err()
}

// Segments sends n segments of one byte each in one connection to the VIP of the i-th service, and returns how
// many a second arrived behind the gateway.
func (g *Gateway) Segments(ctx context.Context, i, n int) (float64, error) {
	g.streams.open.Store(true)
	defer g.streams.open.Store(false)
	c, err := g.Office.Dial("tcp", "", netip.AddrPortFrom(at(sample.VIPs, i), dport).String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	before, start := g.streams.read.Load(), time.Now()
	if err := c.SetWriteDeadline(start.Add(time.Minute)); err != nil {
		return 0, err
	}
	for range n {
		if _, err := c.Write([]byte{1}); err != nil { // Go sets TCP_NODELAY
			return 0, err
		}
	}
	for g.streams.read.Load()-before < int64(n) && ctx.Err() == nil && time.Since(start) < time.Minute {
		time.Sleep(time.Millisecond)
	}
	return float64(g.streams.read.Load()-before) / time.Since(start).Seconds(), ctx.Err()
}
