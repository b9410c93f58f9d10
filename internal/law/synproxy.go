package law

import (
	"regexp"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// synProxy carries out a statement of SYN proxies. A TCP packet that is not invalid opens a
// connection, so it has SYN alone; one that is invalid returns no cookie.
func (w *walk) synProxy(s nft.Stmt) (v nft.Verdict, match bool) {
	switch s.(type) {
	case nft.TCPSyn:
		return v, w.pkt.Proto == inet.TCP && !w.pkt.Invalid
	case nft.CtStray:
		return v, w.pkt.Invalid || w.passedBy
	case nft.NoTrack:
		if w.point != nft.Prerouting || w.typ != "filter" {
			fail("notrack in hook %s of type %s", w.point, w.typ)
		}
		w.passedBy = true
		return v, true
	}
	if w.point != nft.Input && w.point != nft.Forward {
		fail("%s in hook %s", s, w.point) // nft_synproxy_validate
	}
	if w.pkt.Proto != inet.TCP {
		return v, true
	}
	w.answered = true
	return nft.Verdict{Kind: nft.Drop}, true
}

// stray takes what belongs to no flow on: to the host, if that has the VIP, or through it. Both
// must come to the same. When the client has returned the cookie the proxy sends a segment of its
// own, in the client's name.
func (w *walk) stray() {
	before := w.out
	w.pass(nft.Input)
	to := w.answered
	w.answered, w.out = false, before
	w.pass(nft.Forward, nft.Postrouting)
	switch {
	case to != w.answered:
		fail("a SYN proxy answers in one of the hooks input and forward: %v, %v", to, w.answered)
	case w.pkt.Invalid:
	case !w.answered:
		fail("the packet passed conntrack by, and nobody answers it")
	default:
		w.out, w.passedBy, w.pkt.Self, w.pkt.Mark = before, false, true, 0
		w.packetMark, w.mark = 0, 0
		w.out.Answered = true
		w.pass(nft.Output, nft.Postrouting)
	}
}

var synProxyKey = regexp.MustCompile(`, syn_proxy: (\{[^}]*\}|\w+)`)

// WithoutSynProxy takes the SYN proxies out of a policy of Policy: where nobody completes a handshake,
// nothing comes of a packet that one answers.
func WithoutSynProxy(yaml []byte) []byte { return synProxyKey.ReplaceAll(yaml, nil) }
