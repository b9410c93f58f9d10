package ipvsadm

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// everyone is all IPv4 sources: the old kernels translate no others.
var everyone = []inet.Range{inet.Everything(inet.V4)}

// protocols returns all ports of some protocols, as the ports of a zone.
func protocols(ps ...inet.Proto) (out []inet.ProtoPorts) {
	for _, p := range ps {
		out = append(out, all(p))
	}
	return out
}

// all returns a protocol with all of its ports.
func all(p inet.Proto) inet.ProtoPorts {
	if p.HasPorts() {
		return inet.ProtoPorts{Proto: p, Ports: inet.AnyPort}
	}
	return inet.ProtoPorts{Proto: p}
}

// zoned makes zones of those of dsnat and lvs-snat v1: the first that matches decides, for the
// protocols whose service 0.0.0.0:0 exists. What they leave alone passes untranslated, and sources
// in no zone are refused.
func (t *table) zoned(s *translate.Setup, zero []*service) {
	t.oldForm(zero)
	var on, off []inet.Proto
	for _, p := range []inet.Proto{inet.TCP, inet.UDP} {
		if slices.ContainsFunc(zero, func(v *service) bool { return v.proto == p }) {
			on = append(on, p)
		} else {
			off = append(off, p)
		}
	}
	for _, v := range zero {
		t.switchedOn(v)
	}
	switch {
	case len(t.zones) == 0 && len(zero) == 0:
		return
	case len(t.zones) == 0 && (t.saved || !t.laddrs):
		t.ledger.Note(zero[0].Place, "M121", zero[0].Text, "")
		return
	case len(zero) == 0 && len(t.services) > 0:
		for _, z := range t.zones {
			t.idle(z)
		}
		return
	case len(zero) == 0:
		on, off = []inet.Proto{inet.TCP, inet.UDP}, nil
		t.ledger.Note(t.zones[0].Place, "M122", t.zones[0].Text, "")
	}
	var cause translate.Origin // what switches the zones on
	if len(zero) > 0 {
		cause = zero[0].Origin
	} else {
		cause = t.zones[0].Origin
	}
	rest := translate.NewZone()
	rest.Name, rest.From, rest.Action, rest.Origin = "untranslated", everyone, policy.Accept, cause
	rest.Ports = append(protocols(off...), protocols(inet.ICMP, inet.SCTP)...)
	rest.Notes = []string{"the old kernel leaves these protocols alone: pings go out with their private source"}
	s.Zones = append(s.Zones, rest)
	seen := t.each(s)
	if len(inet.Subtract(everyone, seen)) > 0 {
		refused := translate.NewZone()
		refused.Name, refused.From, refused.Action, refused.Origin = "refused", everyone, policy.Reject, cause
		refused.Ports = protocols(on...)
		refused.Notes = []string{"sources in no zone are refused, as the old kernel does"}
		s.Zones = append(s.Zones, refused)
	}
}

// each makes a zone of each, and returns the sources that they take.
func (t *table) each(s *translate.Setup) (seen []inet.Range) {
	for _, z := range t.zones {
		from := matched(z.addr, z.mask)
		switch {
		case from == nil:
			t.say(&z.origin, "M123", "")
			for i := range z.laddrs {
				t.say(&z.laddrs[i].origin, "M123", "")
			}
			continue
		case len(inet.Subtract(from, seen)) == 0:
			t.say(&z.origin, "M124", "")
			for i := range z.laddrs {
				t.say(&z.laddrs[i].origin, "M124", "")
			}
			continue
		}
		seen = inet.Merge(append(seen, from...))
		t.ledger.Whole(z.words()...)
		out := translate.NewZone()
		out.From, out.Origin, out.Pool = from, z.Origin, t.pool(z.laddrs)
		if len(from) > 1 {
			out.Name = fmt.Sprintf("zone-%s-%s", address(z.addr), address(uint32(z.mask)))
		}
		switch {
		case out.Pool == nil:
			out.Action = policy.Reject
			out.Notes = []string{"no laddrs: its sources are refused"}
		case several(out.Pool):
			out.Select = policy.SelectRoundRobin
		}
		s.Zones = append(s.Zones, out)
	}
	return seen
}

// idle reports a zone that no service 0.0.0.0:0 switches on.
func (t *table) idle(z *zone) {
	t.say(&z.origin, "M125", "")
	for i := range z.laddrs {
		t.say(&z.laddrs[i].origin, "M125", "")
	}
}

// oldForm makes one zone of the laddrs of services 0.0.0.0:0, as dsnat for 2.6.32-220 has them.
func (t *table) oldForm(zero []*service) {
	if len(t.zones) > 0 {
		return
	}
	for _, v := range zero {
		if len(v.laddrs) == 0 {
			continue
		}
		if len(t.zones) == 0 {
			t.zones = append(t.zones, &zone{origin: origin{Origin: v.laddrs[0].Origin}})
		}
		z := t.zones[0]
		for _, l := range v.laddrs {
			if !slices.ContainsFunc(z.laddrs, func(o laddr) bool { return o.Range == l.Range }) {
				z.laddrs = append(z.laddrs, l)
			} else {
				t.ledger.Whole(l.words()...)
			}
		}
		v.laddrs = nil
	}
}

// switchedOn accounts for a service 0.0.0.0:0 of dsnat: its settings and real servers do nothing.
func (t *table) switchedOn(v *service) {
	t.ledger.Whole(v.head...)
	for _, g := range v.options {
		t.say(&v.origin, "M126", "", g.words...)
	}
	for i := range v.extra {
		t.ledger.Whole(v.extra[i].words()...)
	}
	for i := range v.laddrs {
		t.say(&v.laddrs[i].origin, "M126", "")
	}
	for _, r := range v.servers {
		t.say(&r.origin, "M126", "")
	}
}

// plainSNAT makes zones of services 0.0.0.0:0 of plain kernels patched for SNAT: their real
// servers are the addresses that sources become.
func (t *table) plainSNAT(s *translate.Setup, zero []*service) {
	for _, v := range zero {
		z := translate.NewZone()
		z.Name, z.From, z.Ports, z.Origin = "snat-"+v.proto.String(), everyone, protocols(v.proto), v.Origin
		t.ledger.Whole(v.head...)
		for i := range v.extra {
			t.ledger.Whole(v.extra[i].words()...)
		}
		t.selection(v, z)
		t.sources(v, z)
		if i := slices.IndexFunc(s.Zones, func(o *translate.Zone) bool { return alike(o, z) }); i >= 0 {
			o := s.Zones[i]
			o.Name, o.Ports = "snat", append(o.Ports, z.Ports...)
			o.Notes = append(o.Notes, fmt.Sprintf("line %d: %s", v.Place.Line, v.Text))
			continue
		}
		s.Zones = append(s.Zones, z)
	}
}

// alike tells whether two zones differ in their protocols alone.
func alike(a, b *translate.Zone) bool {
	if (a.Pool == nil) != (b.Pool == nil) || a.Select != b.Select || a.Action != b.Action {
		return false
	}
	return a.Pool == nil || slices.EqualFunc(a.Pool.Laddrs, b.Pool.Laddrs, func(x, y policy.Laddr) bool { return x.Range == y.Range && x.Weight == y.Weight })
}

// selection carries the scheduler of a service 0.0.0.0:0 over: it chooses addresses. Its
// persistence has no effect in that kernel.
func (t *table) selection(v *service, z *translate.Zone) {
	name := v.value("scheduler", "wlc")
	code := ""
	switch name {
	case "rr", "wrr":
		z.Select = policy.SelectRoundRobin
	case "sh":
		z.Select = policy.SelectSource
	case "dh":
		z.Select, code = policy.SelectSourceDestination, "M127"
	default:
		z.Select, code = policy.SelectRoundRobin, "M128"
	}
	for _, g := range v.options {
		switch {
		case g.name == "scheduler" && code != "":
			t.say(&v.origin, code, "", g.words...)
		case g.name == "scheduler":
			t.ledger.Whole(g.words...)
		default:
			t.say(&v.origin, "M126", "", g.words...)
		}
	}
	if v.find("scheduler") == nil {
		t.ledger.Note(v.Place, "M128", "without -s: wlc", "")
	}
}

// sources makes a pool of the real servers of a service 0.0.0.0:0.
func (t *table) sources(v *service, z *translate.Zone) {
	p, taking := new(translate.Pool), false
	for _, r := range v.servers {
		if r.addr.IsUnspecified() || r.addr.Is4() != z.From[0].From.Is4() {
			t.say(&r.origin, "M003", "it is left out: no source can become that address")
			continue
		}
		weight := min(r.weight, maxWeight)
		if v.value("scheduler", "") == "rr" {
			weight = min(weight, 1)
		}
		taking = taking || weight > 0
		if r.port != 0 {
			t.ledger.Note(r.Place, "M129", r.Text, "")
		}
		t.ledger.Whole(r.head...)
		for _, g := range r.options {
			t.serverOption(r, &g)
		}
		p.Laddrs = append(p.Laddrs, policy.Laddr{Range: inet.AddrRange(r.addr), Weight: weight})
		p.Origins = append(p.Origins, r.Origin)
	}
	if !taking {
		z.Action = policy.Reject
		z.Notes = append(z.Notes, "no address has a weight: sources are refused")
		return
	}
	z.Pool = p
}
