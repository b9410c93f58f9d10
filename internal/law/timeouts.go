package law

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// lifetime gives the packet's flow the timeouts of an object, which those of a later one replace. One
// for another protocol does nothing (nft_ct_timeout_obj_eval).
func (w *walk) lifetime(o nft.CtTimeout) {
	if o.Proto == w.pkt.Proto && !w.pkt.Invalid {
		w.out.After = slices.Clone(o.After[:nft.TimeoutStates(o.Proto)])
	}
}

// lasts tells whether a flow lasts in the ruleset as the policy says, and what both say.
func lasts(d *policy.Decision, p inet.Proto, o Outcome) (want, got []time.Duration, same bool) {
	if nft.TimeoutStates(p) == 0 {
		return nil, o.After, o.After == nil
	}
	kernel := nft.DefaultTimeouts(p)
	want, got = d.Timeouts.Of(p), o.After
	if got == nil {
		got = kernel[:len(want)]
	}
	return want, got, slices.Equal(want, got)
}

// timeouts draws timeouts for a gateway, zone or service; often none.
func (g *maker) timeouts(percent int) string {
	if !g.often(percent) {
		return ""
	}
	return ", timeouts: " + g.pick("rfc", "rfc", "{udp: 60s}", "{udp: 30s, udp_stream: 120s}", "{udp_stream: 5m, tcp_established: 1h}", "{tcp_time_wait: 1s, tcp_close: 2s}", "{}")
}
