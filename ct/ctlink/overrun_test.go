package ctlink_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
)

// flood sends the first packets of n UDP flows, all different, from port first on.
func (g *gateway) flood(first, n int) {
	g.t.Helper()
	to := netip.MustParseAddrPort("8.8.8.8:53")
	for i := range n {
		from := netip.AddrPortFrom(netip.MustParseAddr("10.1.5.9"), uint16(first+i))
		if err := g.Send("lan0", nstest.Craft(int(inet.UDP), from, to)); err != nil {
			g.t.Fatal(err)
		}
	}
}

// What a small buffer cannot hold is counted to the last event, and listening goes on.
func TestOverrun(t *testing.T) {
	g := newGateway(t)
	source := listen(t, g.host, ctlink.ListenOptions{Kinds: []ct.EventKind{ct.New}, Buffer: 64 << 10})
	const flows = 3000
	g.flood(1024, flows)
	ctx, stop := context.WithTimeout(t.Context(), nstest.Patience)
	defer stop()
	heard, lost := 0, uint64(0)
	for e, err := range source.Events(ctx) {
		var over *ctlink.OverrunError
		switch {
		case errors.As(err, &over):
			lost += over.Lost
			if heard+int(lost) == flows {
				g.first(inet.UDP, "10.1.5.9:9", "8.8.8.8:53") // is heard of after the loss
			}
			continue
		case err != nil:
			t.Fatal(err)
		}
		if e.Flow.Orig.Src.Port() == 9 {
			break
		}
		heard++
	}
	if lost == 0 || heard == 0 || heard+int(lost) != flows || source.Lost() != lost {
		t.Errorf("%d events heard, %d lost (%d in all) of %d", heard, lost, source.Lost(), flows)
	}
	s := g.tracked(flows + 1)
	if n := len(g.flows()); n != flows+1 || int(s.Entries) != n {
		t.Errorf("the list after the loss has %d flows, conntrack counts %d, want %d", n, s.Entries, flows+1)
	}
}

// Only the kinds asked for are heard.
func TestKinds(t *testing.T) {
	g := newGateway(t)
	source := listen(t, g.host, ctlink.ListenOptions{Kinds: []ct.EventKind{ct.Destroy}})
	g.flood(1024, 10)
	g.tracked(10)
	if err := g.host.FlushFlows(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range source.Events(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != ct.Destroy || e.Flow.In.Packets != 1 || e.Flow.Stop.Before(e.Flow.Start) {
			t.Errorf("heard %s", eventLine(e))
		}
		if n++; n == 10 {
			break
		}
	}
	if source.Pending() != 0 {
		t.Errorf("%d more events wait", source.Pending())
	}
	if _, err := ctlink.Listen(ctlink.ListenOptions{Kinds: []ct.EventKind{77}}); err == nil {
		t.Error("there are events of kind 77")
	}
}

// A loop that waits ends with its context, and leaves the source in order.
func TestEventsEnd(t *testing.T) {
	g := newGateway(t)
	source := listen(t, g.host, ctlink.ListenOptions{})
	for range 2 {
		g.flood(1024, 1)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		n, ended := 0, error(nil)
		for _, err := range source.Events(ctx) {
			if ended = err; err != nil {
				continue // there is no more
			}
			n++
			time.AfterFunc(10*time.Millisecond, stop)
		}
		if n != 1 || !errors.Is(ended, context.Canceled) {
			t.Errorf("after %d events the loop ends with %v", n, ended)
		}
		if err := g.host.FlushFlows(t.Context()); err != nil {
			t.Fatal(err)
		}
		for e, err := range source.Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == ct.Destroy {
				break
			}
		}
	}
}

// What waits when listening ends is told, to the last event and with what was lost; what comes
// later is not.
func TestDrain(t *testing.T) {
	g := newGateway(t)
	source := listen(t, g.host, ctlink.ListenOptions{Kinds: []ct.EventKind{ct.New}, Buffer: 64 << 10})
	const flows = 3000
	g.flood(1024, flows)
	g.tracked(flows)
	heard, lost := 0, 0
	for _, err := range source.Drain() {
		var over *ctlink.OverrunError
		switch {
		case errors.As(err, &over):
			lost += int(over.Lost)
		case err != nil:
			t.Fatal(err)
		default:
			if heard++; heard == 1 {
				g.flood(10000, 100)
				g.tracked(flows + 100)
			}
		}
	}
	if heard == 0 || lost == 0 || heard+lost != flows {
		t.Errorf("%d events heard, %d lost of %d", heard, lost, flows)
	}
}
