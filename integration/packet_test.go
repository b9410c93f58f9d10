package integration

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A packet is a new connection with what should become of it.
type packet struct {
	from *nstest.Host
	call string // "tcp 8.8.8.8:53", or "tcp 10.1.200.7 > 8.8.8.8:53" to choose the source
	want string // "rs1 sees 10.1.5.9", "refused", "silent"; alternatives parted by " | "
}

// check sends the packets, in order, and checks what becomes of each.
func (s *site) check(t *testing.T, packets ...packet) {
	t.Helper()
	for _, p := range packets {
		limit := nstest.Patience
		if strings.Contains(p.want, "silent") {
			limit = nstest.Silence
		}
		if got := s.send(t, limit, p.from, p.call); !slices.Contains(strings.Split(p.want, " | "), got) {
			t.Errorf("%s: %s: got %q, want %q", p.from.Name, p.call, got, p.want)
		}
	}
}

// send opens a connection and returns what became of it, in the words of packet.want. What
// the far end sees must be what the gateway's conntrack holds, if the gateway was on the way.
func (s *site) send(t testing.TB, limit time.Duration, from *nstest.Host, call string) string {
	t.Helper()
	a, orig, err := askWithin(limit, from, call)
	var flow *nstest.Flow
	if orig.Src.IsValid() {
		flow = s.flow(t, orig)
	}
	switch {
	case errors.Is(err, nstest.ErrRefused):
		return "refused" + confirmed(flow)
	case errors.Is(err, nstest.ErrSilent):
		return "silent" + confirmed(flow)
	case err != nil:
		return err.Error()
	}
	if flow == nil {
		t.Errorf("%s: %s: no conntrack entry for %s", from.Name, call, orig)
	} else if flow.Reply.Dst != a.Peer {
		t.Errorf("%s: %s: %s saw %s, but conntrack has %s", from.Name, call, a.Host, a.Peer, flow.Raw)
	}
	return fmt.Sprintf("%s sees %s", a.Host, a.Peer.Addr())
}

// confirmed tells that a refused packet has left a flow behind. It should not: the flow
// of a packet that the gateway drops or rejects is never confirmed.
func confirmed(f *nstest.Flow) string {
	if f == nil {
		return ""
	}
	return " but flow " + f.Raw
}

// ask carries out a call and returns the answer and the connection's addresses as the
// client knows them.
func ask(from *nstest.Host, call string) (nstest.Answer, nstest.Tuple, error) {
	return askWithin(nstest.Patience, from, call)
}

func askWithin(limit time.Duration, from *nstest.Host, call string) (nstest.Answer, nstest.Tuple, error) {
	network, rest, _ := strings.Cut(call, " ")
	laddr, raddr, ok := strings.Cut(rest, " > ")
	if !ok {
		laddr, raddr = "", rest
	}
	var orig nstest.Tuple
	c, err := from.DialWithin(limit, network, laddr, raddr)
	if err != nil {
		return nstest.Answer{}, orig, err
	}
	defer c.Close()
	orig = nstest.Tuple{Src: unmapped(c.LocalAddr().String()), Dst: unmapped(c.RemoteAddr().String())}
	a, err := nstest.AskWithin(limit, c)
	return a, orig, err
}

func unmapped(s string) netip.AddrPort {
	p := netip.MustParseAddrPort(s)
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// flow returns the gateway's conntrack entry of a connection, nil if there is none.
func (s *site) flow(t testing.TB, orig nstest.Tuple) *nstest.Flow {
	t.Helper()
	flows, err := s.Gateway.Flows(context.Background())
	must(t, err)
	for _, f := range flows {
		if f.Orig == orig {
			return &f
		}
	}
	return nil
}

// call opens a connection that must be answered, without a look at conntrack.
func call(t testing.TB, from *nstest.Host, call string) nstest.Answer {
	t.Helper()
	a, _, err := ask(from, call)
	if err != nil {
		t.Fatalf("%s: %s: %v", from.Name, call, err)
	}
	return a
}
