package ipvsadm

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// snatRules makes zones of the rules of lvs-snat v2: the longest source prefix decides, then the
// longest destination prefix, then the oldest. What no rule matches is refused.
func (t *table) snatRules(s *translate.Setup) {
	type prefixes struct {
		*rule
		from, to netip.Prefix
	}
	var rules []prefixes
	for _, r := range t.rules {
		p := prefixes{rule: r, from: t.prefix(r, "from", r.from), to: t.prefix(r, "to", r.to)}
		if !p.from.IsValid() {
			continue
		}
		rules = append(rules, p)
	}
	slices.SortStableFunc(rules, func(a, b prefixes) int {
		return cmp.Or(cmp.Compare(b.from.Bits(), a.from.Bits()), cmp.Compare(b.to.Bits(), a.to.Bits()))
	})
	var ways []translate.Way
	for _, r := range rules {
		z := translate.NewZone()
		z.From = []inet.Range{inet.PrefixRange(r.from)}
		if r.to.Bits() > 0 {
			z.To = []inet.Range{inet.PrefixRange(r.to)}
		}
		if r.oif != "" {
			z.OIf = []string{r.oif}
		}
		z.Origin = r.Origin
		z.Pool = &translate.Pool{Pool: policy.Pool{Laddrs: []policy.Laddr{{Range: r.laddrs, Weight: policy.DefaultLaddrWeight}}}, Origins: []translate.Origin{r.Origin}}
		if !r.laddrs.Single() {
			z.Select = map[string]policy.Select{"sh": policy.SelectSource, "sdh": policy.SelectSourceDestination, "random": policy.SelectFlow}[r.algo]
		}
		ways = append(ways, translate.Way{Zone: z, From: r.from, To: r.to, Gateway: r.gw, Next: r.next})
		t.ledger.Whole(r.words()...)
		s.Zones = append(s.Zones, z)
	}
	s.Route(ways, func(i int, h translate.Hop, code, more string) {
		what := "gw " + ways[i].Gateway.String()
		if h == translate.NextHop {
			what = "new-gw " + ways[i].Next.String()
		}
		t.ledger.Note(rules[i].Place, code, what, more)
	})
	if len(t.rules) == 0 {
		return
	}
	for _, rest := range []struct {
		name   string
		ports  []inet.ProtoPorts
		action policy.Action
	}{{"unmatched-icmp", protocols(inet.ICMP), policy.Drop}, {"unmatched", protocols(inet.TCP, inet.UDP), policy.Reject}} {
		z := translate.NewZone()
		z.Name, z.From, z.Ports, z.Action, z.Origin = rest.name, everyone, rest.ports, rest.action, t.rules[0].Origin
		z.Notes = []string{"what no rule matches is refused, as the old kernel does"}
		s.Zones = append(s.Zones, z)
	}
}

// prefix returns the network of a rule as it was meant. It is invalid where the rule was never in
// force: that of all sources (ip_vs_snat.c looks for a source other than 0.0.0.0).
func (t *table) prefix(r *rule, option string, n net) netip.Prefix {
	if !n.addr.IsValid() {
		n = net{netip.IPv4Unspecified(), 0}
	}
	bits := max(n.bits, 0)
	host := netip.PrefixFrom(n.addr, bits).Masked().Addr() != n.addr
	switch {
	case option == "from" && n.addr == netip.IPv4Unspecified():
		t.say(&r.origin, "M133", "")
		return netip.Prefix{}
	case host && bits == 0:
		t.ledger.Note(r.Place, "M131", fmt.Sprintf("%s %s", option, n.addr), "")
		return netip.PrefixFrom(n.addr, 32)
	case host:
		t.ledger.Note(r.Place, "M132", fmt.Sprintf("%s %s/%d", option, n.addr, bits), "")
	}
	return netip.PrefixFrom(n.addr, bits).Masked()
}

// matches makes zones of DPVS's match services: the newest decides. What none matches passes
// untranslated.
func (t *table) matches(s *translate.Setup, matches []*service) {
	bare := 0 // the line of a service without oif: DPVS forgets the packet's oif there
	for _, v := range slices.Backward(matches) {
		m, err := parseMatch(v.match)
		if err != nil {
			t.problemOf(&v.Origin, err, "conditions are proto=, af=, src-range=, dst-range=, iif= and oif=")
			continue
		}
		if m.oif != "" && bare > 0 {
			t.lose(v, "M135")
			continue
		}
		if m.oif == "" {
			bare = v.Place.Line
		}
		if m.sports {
			t.ledger.Note(v.Place, "M043", "ports of src-range", "")
		}
		z := m.zone()
		z.Origin = v.Origin
		t.ledger.Whole(v.head...)
		for i := range v.extra {
			t.ledger.Whole(v.extra[i].words()...)
		}
		t.selection(v, z)
		t.sources(v, z)
		s.Zones = append(s.Zones, z)
	}
}

// match is the condition of a match service of DPVS.
type match struct {
	proto    inet.Proto
	from, to []inet.Range
	ports    inet.PortRange
	iif, oif string
	sports   bool
	v6       bool
}

// parseMatch reads proto=tcp,src-range=A-B:0-0,dst-range=…,iif=,oif=. The lists of `ipvsadm -Ln`
// write from and to.
func parseMatch(text string) (m match, err error) {
	m.proto = inet.TCP
	for part := range strings.SplitSeq(text, ",") {
		name, val, has := strings.Cut(strings.TrimSpace(part), "=")
		if name == "" && !has {
			continue
		}
		var ports inet.PortRange
		switch name {
		case "proto":
			if m.proto, err = inet.ParseProto(val); err != nil {
				return m, err
			}
		case "af":
			m.v6 = val == "ipv6"
		case "src-range", "from":
			m.from, ports, err = parseMatchRange(val)
			m.sports = !ports.IsZero()
		case "dst-range", "to":
			m.to, m.ports, err = parseMatchRange(val)
		case "iif":
			m.iif = val
		case "oif":
			m.oif = val
		default:
			return m, fmt.Errorf("unknown condition %q", part)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// parseMatchRange reads IP1[-IP2][:P1[-P2]], with brackets for IPv6. Zeros are any.
func parseMatchRange(s string) (rs []inet.Range, ports inet.PortRange, err error) {
	if s == "" {
		return nil, ports, nil
	}
	hosts, portText := s, ""
	if bracket := strings.LastIndexByte(s, ']'); bracket > 0 {
		hosts, portText = strings.TrimPrefix(s[:bracket], "["), strings.TrimPrefix(s[bracket+1:], ":")
	} else if strings.Count(s, ":") == 1 {
		hosts, portText, _ = strings.Cut(s, ":")
	}
	r, err := parseLaddrs(hosts)
	if err != nil {
		return nil, ports, err
	}
	if !r.From.IsUnspecified() || !r.To.IsUnspecified() {
		rs = []inet.Range{r}
	}
	first, last, two := strings.Cut(portText, "-")
	lo, hi := 0, 0
	if first != "" {
		if lo, err = parseNumber("the port", first, 0, 65535); err != nil {
			return nil, ports, err
		}
		hi = lo
	}
	if two {
		if hi, err = parseNumber("the port", last, 0, 65535); err != nil {
			return nil, ports, err
		}
	}
	switch {
	case hi < lo:
		return nil, ports, fmt.Errorf("the ports %s end before they begin", portText)
	case hi > 0:
		ports = inet.PortRange{First: uint16(max(lo, 1)), Last: uint16(hi)}
	}
	return rs, ports, nil
}

// zone makes a zone of the condition.
func (m *match) zone() *translate.Zone {
	z := translate.NewZone()
	z.From, z.To = m.from, m.to
	if len(z.From) == 0 {
		family := inet.V4
		if m.v6 || len(m.to) > 0 && m.to[0].Family() == inet.V6 || m.proto == inet.ICMPv6 {
			family = inet.V6
		}
		z.From = []inet.Range{inet.Everything(family)}
	}
	ports := all(m.proto)
	if m.proto.HasPorts() && !m.ports.IsZero() {
		ports.Ports = m.ports
	}
	z.Ports = []inet.ProtoPorts{ports}
	if m.iif != "" {
		z.IIf = []string{m.iif}
	}
	if m.oif != "" {
		z.OIf = []string{m.oif}
	}
	return z
}
