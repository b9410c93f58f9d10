package integration

import (
	"fmt"
	"testing"
	"time"

	meter "github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/soak"
)

// A gateway with 20,000 flows dies. How long the other one takes to enter them, and what conntrackd holds, is logged.
func TestPairManyFlows(t *testing.T) {
	if !soak.Long() {
		t.Skip("measures: make soak")
	}
	p := startPair(t, pairPolicy, true)
	for i := range p.Gateways {
		must(t, p.Gateways[i].Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600"))
	}
	const addresses, each = 100, 200
	for a := range addresses {
		for n := range each {
			c, err := p.Outside.Dial("udp", fmt.Sprintf("203.0.113.%d:%d", 130+a, 10000+n), "203.0.113.65:80")
			must(t, err)
			_, err = c.Write([]byte("?\n"))
			must(t, err)
			c.Close()
		}
	}
	began := time.Now()
	until(t, "gw2 to know the flows", func() bool {
		s := p.status(t, 1)
		return s.Conntrackd != nil && s.Conntrackd.Peer >= addresses*each*99/100
	})
	known := time.Since(began)
	peak, err := meter.PeakOf(p.Conntrackd(1).Pid())
	must(t, err)
	busy, err := meter.CPUOf(p.Conntrackd(0).Pid())
	must(t, err)
	t.Logf("gw2 knows %d flows, %v after the last began; its conntrackd has held %d MB, that of gw1 has taken %v of a processor",
		p.status(t, 1).Conntrackd.Peer, known.Round(time.Millisecond), peak>>20, busy)
	began = time.Now()
	must(t, p.Unplug(0, "wan", "lan", "rs", "sync"))
	s := p.becomes(t, 1, "primary")
	t.Logf("gw2 is primary %v after gw1's links were cut", time.Since(began).Round(time.Millisecond))
	for _, step := range s.Steps {
		n := ""
		if step.Count != nil {
			n = fmt.Sprintf(" (%d)", *step.Count)
		}
		t.Logf("  %s%s: %.3f s", step.Step, n, step.Took)
	}
	text, err := p.Gateways[1].ReadSysctl("net/netfilter/nf_conntrack_count")
	must(t, err)
	var now int
	if _, err := fmt.Sscan(text, &now); err != nil || now < addresses*each*99/100 {
		t.Errorf("gw2 has %q flows, %v", text, err)
	}
}
