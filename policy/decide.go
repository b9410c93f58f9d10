package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Packet is the first packet of a new connection, as it comes to the gateway.
type Packet struct {
	From, To netip.AddrPort // of one family; ports are 0 where the protocol has none
	Proto    inet.Proto
	IIf      string // entering through; empty: not known, so that no zone with `iif` holds
	OIf      string // leaving through; see Policy.WayOut for where it is not known
	Mark     uint32 // the packet mark that others' rules have given it before services are looked up
	Self     bool   // the gateway's own connection
	Invalid  bool   // conntrack can assign it to no connection: then it is not the first of one, and no NAT sees it
}

// Decision is what the policy makes of a packet.
type Decision struct {
	Service string // the service that decided; empty: none
	Zone    string // the zone that decided; empty: none
	Verdict Action // Accept, Drop or Reject

	DNAT       []netip.AddrPort // every possible destination; none: untranslated. The port is 0 where the protocol has none
	SNAT       []inet.Range     // every possible source; none: untranslated, unless Masquerade
	SNATPorts  inet.PortRange   // source ports that SNAT may use; zero: the kernel's choice
	Masquerade bool             // the source becomes the address of the interface left through
	Helper     string           // of the kernel, that reads the connection (Control.Name); empty: none

	MSS      MSS      // how large the segments of the connection may be
	Timeouts Timeouts // how long the connection is remembered, as far as the policy says so
	Uplinks  []string // names of those that its zone may send it through, where no more specific route counts; none: as routes say
	Chance   string   // the node that drains to which it is sent on, since it belongs to no connection here; empty: none
	Answers  string   // the uplink that it came in by, so that answers leave by it; empty: none
	Limits   *Limits  // that bound connections of its kind; nil: none. Whether they are reached the packet does not tell

	Steps  []string // what was asked, in this order, and what it answered
	Reason string   // the step that decided
}

// Decide tells what the policy means for a packet. It is the reference for all else that
// carries the policy out, so it takes the rules one by one, as they are written down, and
// is slow. It is pure and safe for concurrent use.
//
// Uplinks written as objects: who comes in by one is answered through it; for all others the first zone
// whose `from`, `to`, `ports` and `iif` hold chooses the way, if it has `uplink`. Neither holds for what a syn_proxy answers.
//
// What is invalid meets a service's syn_proxy, the second chance while another node drains, and gateway.invalid,
// and nothing else. For all others:
//
//  1. The service that takes the packet's mark decides, else the one that claims the destination.
//  2. Else the first zone that is mapped to the destination decides.
//  3. The gateway's own connections pass.
//  4. Else the first zone whose conditions all hold decides.
//  5. Else gateway.unmatched decides about what leaves through an uplink; the rest passes.
func (p *Policy) Decide(pkt Packet) Decision {
	d := decider{policy: p, pkt: pkt, family: inet.FamilyOf(pkt.From.Addr())}
	d.way()
	switch {
	case pkt.Invalid:
		d.invalid()
	case d.services():
	case d.mapped():
	case pkt.Self:
		d.accept("the connection is the gateway's own: zones decide only about forwarded ones")
	case d.zones():
	default:
		d.unmatched()
	}
	d.segments()
	d.timeouts()
	return d.Decision
}

// decider is one packet on its way through the policy. Its methods return whether they
// decided.
type decider struct {
	Decision
	policy *Policy
	pkt    Packet
	family inet.Family
	passed bool // a service would have taken it, and lets it pass
}

// say notes a step.
func (d *decider) say(format string, args ...any) {
	d.Reason = fmt.Sprintf(format, args...)
	d.Steps = append(d.Steps, d.Reason)
}

// end notes the step that decides.
func (d *decider) end(v Action, format string, args ...any) bool {
	d.say(format, args...)
	if d.Verdict = v; v != Accept {
		d.Helper = "" // nothing is read of what is refused
	}
	return true
}

func (d *decider) accept(format string, args ...any) bool { return d.end(Accept, format, args...) }

// calls tells whether the packet's protocol and destination port are among pp.
func (pkt *Packet) calls(pp inet.ProtoPorts) bool {
	return pp.Proto == pkt.Proto && (!pp.Proto.HasPorts() || pp.Ports.Contains(pkt.To.Port()))
}

// called returns what the packet calls: "tcp/80", "icmp".
func (pkt *Packet) called() string {
	switch {
	case !pkt.Proto.HasPorts():
		return pkt.Proto.String()
	case pkt.To.Port() == 0:
		return pkt.Proto.String() + " without a port"
	}
	return fmt.Sprintf("%s/%d", pkt.Proto, pkt.To.Port())
}

// oneOf names what may be chosen, a few at most.
func oneOf[T fmt.Stringer](list []T) string {
	const few = 4
	var words []string
	for i, v := range list {
		if i == few {
			words = append(words, fmt.Sprintf("%d more", len(list)-few))
			break
		}
		words = append(words, v.String())
	}
	text := strings.Join(words, ", ")
	if len(words) > 1 {
		text = "one of " + text
	}
	return text
}

func contains(rs []inet.Range, a netip.Addr) bool {
	return slices.ContainsFunc(rs, func(r inet.Range) bool { return r.Contains(a) })
}

func orUnknown(iface string) string {
	if iface == "" {
		return "an unknown interface"
	}
	return iface
}

// AnyUplink returns an interface to leave through for a packet of which only the way is
// known: the first uplink, "ppp0" for "ppp*"; empty where any interface will do.
func (g *Gateway) AnyUplink() string {
	if len(g.Uplinks) == 0 {
		return ""
	}
	if stem, star := strings.CutSuffix(g.Uplinks[0], "*"); star {
		return stem + "0"
	}
	return g.Uplinks[0]
}
