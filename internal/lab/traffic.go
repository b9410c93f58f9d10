package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/sample"
)

// Flow is the tuple of a new connection. No two of a round share a source and port, so that
// no translation has to look for a free port.
type Flow struct {
	src, dst netip.Addr
	sport    uint16
}

const dport = 80

// ServiceFlows calls the VIPs of n services, in an order that no cache likes.
func ServiceFlows(n, flows int) []Flow {
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	out := make([]Flow, flows)
	for i := range out {
		out[i] = Flow{at(sample.Sources, i), at(sample.VIPs, order[i%n]), uint16(1024 + i%60000)}
	}
	return out
}

// ZoneFlows leaves from n zones, to a destination of its own each time.
func ZoneFlows(n, flows int) []Flow {
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	out := make([]Flow, flows)
	for i := range out {
		out[i] = Flow{at(sample.Sources, order[i%n]*256+1+i/n%hosts), at(sample.Servers, i), uint16(1024 + i%60000)}
	}
	return out
}

// hosts is how many sources a zone of the sample has.
const hosts = 254

// ClientFlows calls the VIP of a service from a single address.
func ClientFlows(flows int) []Flow {
	out := make([]Flow, flows)
	for i := range out {
		out[i] = Flow{at(sample.Sources, 1), at(sample.VIPs, 0), uint16(1024 + i%60000)}
	}
	return out
}

// LastServiceFlows calls the last of n services alone: what comes last in a list that is
// walked costs most.
func LastServiceFlows(n, flows int) []Flow {
	out := make([]Flow, flows)
	for i := range out {
		out[i] = Flow{at(sample.Sources, i), at(sample.VIPs, n-1), uint16(1024 + i%60000)}
	}
	return out
}

// LastZoneFlows leaves from the last of n zones alone.
func LastZoneFlows(n, flows int) []Flow {
	out := make([]Flow, flows)
	for i := range out {
		out[i] = Flow{at(sample.Sources, (n-1)*256+1+i%hosts), at(sample.Servers, i), uint16(1024 + i%60000)}
	}
	return out
}

func at(base string, n int) netip.Addr { return netip.MustParseAddr(sample.Addr(base, n)) }

// burst is how many datagrams one system call sends: below the queue between the two ends
// of a veth pair (net.core.netdev_max_backlog, 1000).
const burst = 64

// Sender makes new connections through a gateway and returns how long that took.
type Sender func(*Gateway, context.Context, []Flow) (time.Duration, error)

// Datagrams sends the first datagram of each flow. The kernel carries each through the
// gateway to its end before it takes the next.
func (g *Gateway) Datagrams(ctx context.Context, flows []Flow) (time.Duration, error) {
	messages := make([]ipv4.Message, len(flows))
	for i, f := range flows {
		messages[i] = ipv4.Message{Buffers: [][]byte{f.datagram()}, Addr: &net.IPAddr{IP: f.dst.AsSlice()}}
	}
	start := time.Now()
	for rest := messages; len(rest) > 0 && ctx.Err() == nil; {
		n, err := g.raw.WriteBatch(rest[:min(burst, len(rest))], 0)
		if err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return time.Since(start), ctx.Err()
}

// datagram returns an IPv4 packet with an empty UDP datagram, without a checksum (RFC 768).
func (f Flow) datagram() []byte {
	b := make([]byte, 28)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[2:], 28)
	copy(b[12:], f.src.AsSlice())
	copy(b[16:], f.dst.AsSlice())
	binary.BigEndian.PutUint16(b[20:], f.sport)
	binary.BigEndian.PutUint16(b[22:], dport)
	binary.BigEndian.PutUint16(b[24:], 8)
	return b
}

// Connects opens TCP connections, one after the other.
func (g *Gateway) Connects(ctx context.Context, flows []Flow) (took time.Duration, err error) {
	err = g.Office.Do(func() error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		for _, f := range flows {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f.connect(); err != nil {
				return fmt.Errorf("%s to %s: %w", f.src, f.dst, err)
			}
		}
		return nil
	})
	return took, err
}

// connect opens a connection and resets it.
func (f Flow) connect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: f.src.As4(), Port: int(f.sport)}); err != nil {
		return err
	}
	return unix.Connect(fd, &unix.SockaddrInet4{Addr: f.dst.As4(), Port: dport})
}

// Forget makes the gateway forget the connections it has taken up, which must be that many.
func (g *Gateway) Forget(ctx context.Context, flows int) error {
	if err := g.TakesUp(ctx, flows); err != nil {
		return err
	}
	return g.Gateway.FlushFlows(ctx)
}

// TakesUp waits until the gateway has taken up that many connections.
func (g *Gateway) TakesUp(ctx context.Context, flows int) error {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		entries, err := g.Entries()
		if err != nil || entries >= flows {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("the gateway took up %d connections of %d", entries, flows)
		}
	}
}

// Entries returns how many connections the gateway holds.
func (g *Gateway) Entries() (int, error) {
	text, err := g.Gateway.ReadSysctl("net/netfilter/nf_conntrack_count")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// Translates checks that a gateway translates all of the flows; it also warms up.
func (g *Gateway) Translates(ctx context.Context, send Sender, flows []Flow, nat string) error {
	if _, err := send(g, ctx, flows); err != nil {
		return err
	}
	list, err := g.Gateway.Output(ctx, "conntrack", "-L", nat)
	if err != nil {
		return err
	}
	if n := strings.Count(list, "\n"); n != len(flows) {
		return fmt.Errorf("%d of %d connections were translated", n, len(flows))
	}
	return g.Forget(ctx, len(flows))
}
