package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// Where losses never end each flow is still reported once, and what is remembered of flows
// does not grow for ever.
func TestResyncForever(t *testing.T) {
	const rounds, each = 200, 1000 // a round takes a second
	r := &resync{wake: make(chan struct{}, 1)}
	now := time.Unix(1_800_000_000, 0)
	reported := make(map[uint32]int)
	flow := func(id uint32) ct.Flow { // every fifth shares its ID with the next, as hashes may
		port := netip.AddrPortFrom(netip.Addr{}, uint16(id))
		return ct.Flow{ID: id - id%5/4, Orig: ct.Tuple{Src: port}}
	}
	event := func(id uint32) {
		if !r.reported(&ct.Event{Kind: ct.New, Flow: flow(id)}) {
			reported[id]++
		}
	}
	listed := func(id uint32) {
		f := flow(id)
		r.missed(&f, func() { reported[id]++ })
	}
	var id uint32
	most := 0
	for range rounds {
		r.begin(&ctlink.OverrunError{Lost: 1, Since: now})
		first := id
		for range each {
			if id++; id%3 > 0 { // the event of every third is lost, or late
				event(id)
			}
		}
		now = now.Add(time.Second)
		if lost, _ := r.take(now); lost != 1 {
			t.Fatalf("took %d lost events, want 1", lost)
		}
		for n := first + 1; n <= id; n++ {
			listed(n)
		}
		for n := first + 1; n <= id; n++ {
			if n%6 == 0 {
				event(n)
			}
		}
		most = max(most, len(r.known)+len(r.older))
	}
	for n := uint32(1); n <= id; n++ {
		if reported[n] != 1 {
			t.Fatalf("flow %d was reported %d times, want once", n, reported[n])
		}
	}
	if limit := len(r.recent) + 10*each; most > limit {
		t.Errorf("%d flows were remembered at a time, want at most %d", most, limit)
	}
}
