package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Test is one expectation that `snatctl test` checks.
type Test struct {
	Where
	Name     string // free text
	From, To netip.AddrPort
	Proto    inet.Proto
	IIf, OIf string
	Mark     uint32 // that the packet bears
	Expect   Expect
}

// Expect is what a test wants. An empty field expects nothing.
type Expect struct {
	Where
	Zone, Service string
	Verdict       Action // Accept, Drop or Reject; empty: not checked
	Snat, Dnat    Translation
	Uplink        []string // every uplink that the connection may leave through is one of these; none: not checked
}

// Packet returns the packet that a test is about. Where the test does not say where it
// leaves, WayOut does, unless a zone chooses among uplinks.
func (p *Policy) Packet(t *Test) Packet {
	pkt := Packet{From: t.From, To: t.To, Proto: t.Proto, IIf: t.IIf, OIf: t.OIf, Mark: t.Mark}
	if pkt.OIf == "" && len(p.exits(pkt)) == 0 {
		pkt.OIf = p.WayOut(t.To.Addr())
	}
	return pkt
}

// WayOut returns the interface to assume for a packet of which only the destination is known: an
// uplink; none for real servers, which are inside.
func (p *Policy) WayOut(to netip.Addr) string {
	if p.inside(to) {
		return ""
	}
	return p.Gateway.AnyUplink()
}

// Mismatch is one expectation of a test that does not hold.
type Mismatch struct {
	Pos       Pos    // of the expectation
	Key       string // service, zone, verdict, uplink, dnat or snat
	Want, Got string
}

// Compare holds a decision against what a test expects. A zone or service that is named is
// expected exactly. Of the translations every possible one must lie in those listed. Any
// expectation of a translation, `none` too, wants the connection to pass, unless the test
// expects another verdict.
func (e *Expect) Compare(d *Decision) (out []Mismatch) {
	differ := func(key, want, got string) {
		out = append(out, Mismatch{e.At(key), key, want, got})
	}
	for _, c := range []struct{ key, want, got string }{
		{"service", e.Service, d.Service}, {"zone", e.Zone, d.Zone}, {"verdict", string(e.Verdict), string(d.Verdict)},
	} {
		if c.want != "" && c.want != c.got {
			differ(c.key, c.want, cmp.Or(c.got, "none"))
		}
	}
	for _, name := range d.Uplinks {
		if len(e.Uplink) > 0 && !slices.Contains(e.Uplink, name) {
			differ("uplink", strings.Join(e.Uplink, ", "), strings.Join(d.Uplinks, ", "))
			break
		}
	}
	if len(e.Uplink) > 0 && len(d.Uplinks) == 0 {
		differ("uplink", strings.Join(e.Uplink, ", "), "none")
	}
	for _, c := range []struct {
		key       string
		want, got Translation
	}{
		{"dnat", e.Dnat, d.Destination()}, {"snat", e.Snat, d.Source()},
	} {
		switch {
		case c.want.Word == "" && len(c.want.Targets) == 0:
			// nothing is expected
		case d.Verdict != Accept && d.Verdict != e.Verdict:
			differ(c.key, c.want.String(), string(d.Verdict))
		case !c.want.allows(c.got):
			differ(c.key, c.want.String(), c.got.String())
		}
	}
	return out
}
