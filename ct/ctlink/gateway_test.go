package ctlink_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
)

// gateway is a gateway that tracks what the test sends through it, with a connection to
// its conntrack.
type gateway struct {
	*nstest.Wires
	t    testing.TB
	host *nstest.Host
	conn *ctlink.Conn
}

// tracking translates one source network and tracks everything.
const tracking = `table inet gateway {
	chain postrouting {
		type nat hook postrouting priority 100
		ct state new ip saddr 10.9.0.0/16 snat ip to 198.51.100.1
		ct state new ip6 saddr fd09::/16 snat ip6 to 2001:db8:99::1
	}
}`

func newGateway(t testing.TB) *gateway {
	t.Helper()
	w := nstest.NewWires(t, "lan0", "wan0")
	g := &gateway{Wires: w, t: t, host: w.Gateway}
	g.track()
	for _, to := range servers {
		if err := w.Route(to, "wan0"); err != nil {
			t.Fatal(err)
		}
	}
	g.conn = connect(t, g.host)
	return g
}

var servers = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2001:db8:8::8")}

func connect(t testing.TB, h *nstest.Host) (c *ctlink.Conn) {
	t.Helper()
	err := h.Do(func() (err error) {
		c, err = ctlink.Open()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// track switches tracking on, with all that conntrack can tell.
func (g *gateway) track() {
	g.t.Helper()
	r, err := g.host.RunInput(g.t.Context(), tracking, "nft", "-f", "-")
	if err != nil || r.Code != 0 {
		g.t.Fatalf("nft -f: %v: %s", err, r.Stderr)
	}
	for _, key := range []string{"acct", "timestamp", "events"} {
		if err := g.host.Sysctl("net/netfilter/nf_conntrack_"+key, "1"); err != nil {
			g.t.Fatal(err)
		}
	}
}

// first sends the first packet of a flow into lan0.
func (g *gateway) first(proto inet.Proto, from, to string) {
	g.t.Helper()
	if err := g.Send("lan0", nstest.Craft(int(proto), netip.MustParseAddrPort(from), netip.MustParseAddrPort(to))); err != nil {
		g.t.Fatal(err)
	}
}

// tracked waits until conntrack holds n flows: on a busy machine packets that were sent are under
// way still.
func (g *gateway) tracked(n int) (s ctlink.Stats) {
	g.t.Helper()
	for deadline := time.Now().Add(nstest.Patience); ; time.Sleep(time.Millisecond) {
		s, err := g.conn.Stats(g.t.Context())
		if err != nil {
			g.t.Fatal(err)
		}
		if int(s.Entries) == n {
			return s
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("conntrack holds %d flows, want %d", s.Entries, n)
		}
	}
}

// mixed sends flows of many kinds, of both families, translated and not.
func (g *gateway) mixed() {
	for _, p := range []inet.Proto{inet.TCP, inet.UDP, inet.SCTP, inet.ICMP, 89} {
		g.first(p, "10.1.5.9:4001", "8.8.8.8:53")
		g.first(p, "10.9.5.9:4001", "8.8.8.8:53")
	}
	for _, p := range []inet.Proto{inet.TCP, inet.UDP, inet.SCTP, inet.ICMPv6, 89} {
		g.first(p, "[fd01::9]:4001", "[2001:db8:8::8]:53")
		g.first(p, "[fd09::9]:4001", "[2001:db8:8::8]:53")
	}
	g.first(inet.UDP, "10.1.5.9:4001", "8.8.8.8:53") // counted a second time
}

// flows returns a copy of the dump.
func (g *gateway) flows() (out []ct.Flow) {
	g.t.Helper()
	for f, err := range g.conn.Flows(g.t.Context()) {
		if err != nil {
			g.t.Fatal(err)
		}
		out = append(out, *f)
	}
	return out
}

// conntrackLines lists flows by the conntrack tool, sorted, without timeouts, which run
// down meanwhile.
func conntrackLines(ctx context.Context, t testing.TB, h *nstest.Host) (out []string) {
	t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		list, err := h.Output(ctx, "conntrack", "-L", "-f", family, "-o", "extended,id")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list) {
			w := known(line)
			out = append(out, strings.Join(append(w[2:4:4], w[5:]...), " "))
		}
	}
	slices.Sort(out)
	return out
}

// known returns the words of a line of the conntrack tool, without what this package does
// not tell: marks, use counts and which program has deleted the flow.
func known(line string) []string {
	line, _, _ = strings.Cut(line, "[USERSPACE]")
	return slices.DeleteFunc(strings.Fields(line), func(w string) bool {
		return strings.HasPrefix(w, "use=") || strings.HasPrefix(w, "mark=") || strings.HasPrefix(w, "delta-time=")
	})
}

// line writes a flow as conntrackLines does.
func line(f *ct.Flow) string {
	return strings.Join(slices.DeleteFunc([]string{
		protoName(f.Orig.Proto), state(f), side(f.Orig, &f.In), mark(f.Status&ct.SeenReply == 0, "[UNREPLIED]"),
		side(f.Reply, &f.Out), mark(f.Status&ct.Assured != 0, "[ASSURED]"), fmt.Sprintf("id=%d", f.ID),
	}, func(s string) bool { return s == "" }), " ")
}

func protoName(p inet.Proto) string {
	switch p {
	case inet.TCP, inet.UDP, inet.SCTP, inet.ICMP, inet.ICMPv6:
		return fmt.Sprintf("%s %d", p, uint8(p))
	}
	return fmt.Sprintf("unknown %d", uint8(p))
}

func mark(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// state is what conntrack prints where the protocol has states. This package does not read
// that of SCTP: an INIT is answered by nobody here, which leaves it CLOSED.
func state(f *ct.Flow) string {
	switch f.Orig.Proto {
	case inet.TCP:
		return f.State()
	case inet.SCTP:
		return "CLOSED"
	}
	return ""
}

// side writes one direction; without traffic where nil.
func side(t ct.Tuple, n *ct.Traffic) string {
	s := fmt.Sprintf("src=%s dst=%s", t.Src.Addr(), t.Dst.Addr())
	switch t.Proto {
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		s += fmt.Sprintf(" type=%d code=%d id=%d", t.ICMPType, t.ICMPCode, t.Src.Port())
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP:
		s += fmt.Sprintf(" sport=%d dport=%d", t.Src.Port(), t.Dst.Port())
	}
	if n != nil {
		s += fmt.Sprintf(" packets=%d bytes=%d", n.Packets, n.Bytes)
	}
	return s
}
