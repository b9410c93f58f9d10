package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// leg is a segment of a connection between 10.1.0.1:5000, seen outside as 198.51.100.1:5000, and
// 8.8.8.8:80, on its way through the gateway.
type leg struct {
	out      bool // from inside
	flags    byte
	seq, ack uint32
	data     string
}

// follow sends the segments, each of which must come through translated.
func (b *between) follow(steps ...leg) {
	b.t.Helper()
	for _, s := range steps {
		if s.out {
			b.want(lan, nstest.CraftSegment(at("10.1.0.1:5000"), at("8.8.8.8:80"), s.flags, s.seq, s.ack, s.data), "wan0: tcp 198.51.100.1:5000 > 8.8.8.8:80")
		} else {
			b.want(wan, nstest.CraftSegment(at("8.8.8.8:80"), at("198.51.100.1:5000"), s.flags, s.seq, s.ack, s.data), "lan0: tcp 8.8.8.8:80 > 10.1.0.1:5000")
		}
	}
}

// Every way in which TCP opens and ends a connection comes through (RFC 5382 REQ-2; RFC 9293, 3.5 and 3.6).
func TestTCPSequences(t *testing.T) {
	const syn, fin, ack, rst = nstest.SYN, nstest.FIN, nstest.ACK, nstest.RST
	handshake := []leg{{true, syn, 1000, 0, ""}, {false, syn | ack, 2000, 1001, ""}, {true, ack, 1001, 2001, ""}}
	for name, rest := range map[string][]leg{
		"data both ways":      {{true, ack, 1001, 2001, "ask"}, {false, ack, 2001, 1004, "answer"}, {true, ack, 1004, 2007, ""}},
		"half closed":         {{true, fin | ack, 1001, 2001, ""}, {false, ack, 2001, 1002, ""}, {false, ack, 2001, 1002, "late"}, {true, ack, 1002, 2005, ""}, {false, fin | ack, 2005, 1002, ""}, {true, ack, 1002, 2006, ""}},
		"closed by the other": {{false, fin | ack, 2001, 1001, ""}, {true, ack, 1001, 2002, ""}, {true, fin | ack, 1001, 2002, ""}, {false, ack, 2002, 1002, ""}},
		"both close":          {{true, fin | ack, 1001, 2001, ""}, {false, fin | ack, 2001, 1001, ""}, {true, ack, 1002, 2002, ""}, {false, ack, 2002, 1002, ""}},
		"reset":               {{false, rst | ack, 2001, 1001, ""}},
		"again from TIME_WAIT": {{true, fin | ack, 1001, 2001, ""}, {false, fin | ack, 2001, 1002, ""}, {true, ack, 1002, 2002, ""},
			{true, syn, 500000, 0, ""}, {false, syn | ack, 600000, 500001, ""}, {true, ack, 500001, 600001, ""}, {true, ack, 500001, 600001, "more"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBetween(t, onePool)
			b.follow(append(append([]leg{}, handshake...), rest...)...)
		})
	}
}

// Both ends may open a connection at once (RFC 5382 REQ-2a; RFC 9293, 3.5).
func TestSimultaneousOpen(t *testing.T) {
	const syn, ack = nstest.SYN, nstest.ACK
	b := startBetween(t, onePool)
	b.follow(leg{true, syn, 1000, 0, ""}, leg{false, syn, 2000, 0, ""}, leg{true, syn | ack, 1000, 2001, ""}, leg{false, syn | ack, 2000, 1001, ""},
		leg{true, ack, 1001, 2001, "one"}, leg{false, ack, 2001, 1004, "two"})
	if _, state := leftOf(t, b.Gateway, "tcp", "8.8.8.8:80"); state != "ESTABLISHED" {
		t.Errorf("the connection is %q", state)
	}
}

// A SYN that nobody asked for is dropped in silence where the laddrs are nobody's and what no zone holds is
// dropped, and a SYN from inside opens the connection then. Where the host has the laddrs it answers with a
// reset at once, which the RFC does not want (RFC 5382 REQ-4).
func TestUnsolicitedSYN(t *testing.T) {
	const syn, ack = nstest.SYN, nstest.ACK
	unsolicited := nstest.CraftSegment(at("8.8.8.8:80"), at("198.51.100.1:5000"), syn, 2000, 0, "")
	t.Run("dropped", func(t *testing.T) {
		b := startBetween(t, onePool)
		b.nothing(wan, unsolicited)
		b.follow(leg{true, syn, 1000, 0, ""}, leg{false, syn, 2000, 0, ""}, leg{true, syn | ack, 1000, 2001, ""})
	})
	for name, policy := range map[string]string{
		"routes": strings.Replace(onePool, "unmatched: drop", "unmatched: drop, addresses: routes", 1),
		"assign": strings.Replace(onePool, "unmatched: drop", "unmatched: drop, addresses: {assign: wan0}", 1),
	} {
		t.Run(name, func(t *testing.T) {
			b := startBetween(t, policy)
			if h := b.want(wan, unsolicited, "wan0: tcp 198.51.100.1:5000 > 8.8.8.8:80"); h.Flags&nstest.RST == 0 {
				t.Errorf("%s answers with flags %x", h, h.Flags)
			}
		})
	}
	t.Run("masquerade", func(t *testing.T) {
		b := startBetween(t, strings.Replace(onePool, "laddrs: 198.51.100.1", "action: masquerade", 1))
		mine := nstest.CraftSegment(at("8.8.8.8:80"), at(b.Addr(wan, false).String()+":5000"), syn, 2000, 0, "")
		if h := b.pass(wan, mine); h.Flags&nstest.RST == 0 {
			t.Errorf("%s answers with flags %x", h, h.Flags)
		}
	})
	t.Run("unmatched accept", func(t *testing.T) { // it goes back to where it came from
		b := startBetween(t, strings.Replace(onePool, "unmatched: drop", "unmatched: accept", 1))
		b.want(wan, unsolicited, "wan0: tcp 8.8.8.8:80 > 198.51.100.1:5000")
	})
}

// A connection without data on its way lives as long as it says; the ends of one have their time, too
// (RFC 5382 REQ-5).
func TestTCPTimeouts(t *testing.T) {
	const syn, fin, ack = nstest.SYN, nstest.FIN, nstest.ACK
	b := startBetween(t, strings.Replace(onePool, "unmatched: drop", "unmatched: drop, timeouts: rfc", 1))
	for _, c := range []struct {
		leg   leg
		state string
		least int
	}{
		{leg{true, syn, 1000, 0, ""}, "SYN_SENT", 240},
		{leg{false, syn | ack, 2000, 1001, ""}, "SYN_RECV", 240},
		{leg{true, ack, 1001, 2001, ""}, "ESTABLISHED", 7440},
		{leg{true, ack, 1001, 2001, "nobody acknowledges this"}, "ESTABLISHED", 7440},
		{leg{true, ack, 1001, 2001, "nobody acknowledges this"}, "ESTABLISHED", 7440},
		{leg{true, ack, 1001, 2001, "nobody acknowledges this"}, "ESTABLISHED", 7440},
		{leg{true, ack, 1001, 2001, "nobody acknowledges this"}, "ESTABLISHED", 7440},
		{leg{false, ack, 2001, 1025, ""}, "ESTABLISHED", 7440},
		{leg{true, fin | ack, 1025, 2001, ""}, "FIN_WAIT", 240},
		{leg{false, ack, 2001, 1026, ""}, "CLOSE_WAIT", 240},
		{leg{false, fin | ack, 2001, 1026, ""}, "LAST_ACK", 240},
		{leg{true, ack, 1026, 2002, ""}, "TIME_WAIT", 240},
	} {
		b.follow(c.leg)
		if left, state := leftOf(t, b.Gateway, "tcp", "8.8.8.8:80"); state != c.state || left > c.least || left < c.least-25 {
			t.Errorf("%+v: %d s are left in state %s, want %d in %s", c.leg, left, state, c.least, c.state)
		}
	}
}
