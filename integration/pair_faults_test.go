package integration

import (
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/soak"
)

// deaf has the gateways not hear each other's adverts, although both are alive; hearing takes that back.
func (p *pair) deaf(t *testing.T) {
	t.Helper()
	for _, h := range p.Gateways {
		nft(t, h, "table ip deaf { chain input { type filter hook input priority 0; ip protocol 112 drop; }; }")
	}
}

func (p *pair) hearing(t *testing.T) {
	t.Helper()
	for _, h := range p.Gateways {
		nft(t, h, "delete table ip deaf")
	}
}

// synced waits until a gateway that waits knows so many flows of the other one.
func (p *pair) synced(t *testing.T, i, flows int) {
	t.Helper()
	eventually(t, p.Gateways[i].Name+" to know the other one's flows", func() bool {
		s := p.status(t, i)
		return s.Conntrackd != nil && s.Conntrackd.Peer >= flows
	})
}

// Whatever happens to the gateway that works, connections go on, and whoever comes back waits.
func TestPairFaults(t *testing.T) {
	p := startPair(t, pairPolicy, true)
	all := p.talk(t, 10)
	all.goOn(t)
	const flows = 40 // at least
	faults := []struct {
		what     string
		from, to int
		happens  func(i int)
		back     func(i int)
	}{
		{"keepalived ends in good order", 0, 1, func(i int) { must(t, p.Leave(i)) }, func(i int) { p.revive(t, i) }},
		{"a link is down", 1, 0, func(i int) { must(t, p.Unplug(i, "rs")) }, func(i int) { must(t, p.Plug(i, "rs")) }},
		{"the daemons are killed", 0, 1, p.Kill, func(i int) { p.launch(t, i) }},
		{"the daemons hang", 1, 0, p.Hang, p.GoOn},
	}
	for _, f := range slices.Repeat(faults, soak.Count(1, 20)) {
		p.synced(t, f.to, flows)
		f.happens(f.from)
		p.becomes(t, f.to, "primary")
		all.survive(t, f.what)
		f.back(f.from)
		p.becomes(t, f.from, "backup")
		if got := p.status(t, f.to); *got.Role != "primary" {
			t.Fatalf("%s: once %s is back %s is %s", f.what, p.Gateways[f.from].Name, p.Gateways[f.to].Name, *got.Role)
		}
		all.survive(t, f.what+", and is over")
	}
}

// Two that do not hear each other both work. Once they do, the one with the higher priority goes on, and has the flows
// that the other one got meanwhile.
func TestPairSplitBrain(t *testing.T) {
	p := startPair(t, pairPolicy, true)
	all := p.talk(t, 5)
	p.synced(t, 1, 20)
	p.announced(t, 0)
	p.deaf(t)
	p.becomes(t, 1, "primary")
	all.survive(t, "split brain")
	later := p.talk(t, 5)
	p.synced(t, 0, 40)
	later.hold() // who speaks before the flows are entered may be cut: addresses move first, and the gate is open
	healed := time.Now()
	p.hearing(t)
	p.becomes(t, 1, "backup")
	eventually(t, "gw1 to take over the flows", func() bool { // it has been primary all along
		s := p.status(t, 0)
		return s.Done && *s.Role == "primary" && s.Since.After(healed)
	})
	later.release()
	all.survive(t, "split brain is over")
	later.survive(t, "split brain is over, connections that began meanwhile")
}
