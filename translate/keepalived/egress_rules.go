package keepalived

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// rules keeps a virtual server with SNAT rules until all are read: lvs-snat v2 and DPVS order
// them among each other.
func (k *translator) rules(v *virtual) {
	if v.match {
		k.matches = append(k.matches, v)
		return
	}
	k.quiet(v)
	for _, r := range v.servers {
		k.lose("M258", "", r.Statement)
	}
	for _, s := range []*Statement{v.sched, v.pool} {
		if s != nil {
			k.report("M258", "", s)
		}
	}
	for _, s := range v.snat {
		k.snatRule(s)
	}
}

// snatRule is a snat_rule block of lvs-snat v2.
type snatRule struct {
	zone     *translate.Zone
	from, to netip.Prefix
	gw, next *Statement // nil: none that says anything
}

// snatRule reads a snat_rule block.
func (k *translator) snatRule(s *Statement) {
	k.block(s, 1)
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	r := snatRule{zone: translate.NewZone(), from: all, to: all}
	z := r.zone
	z.Origin, z.Select = translate.Origin{Place: s.At, Text: s.Text}, policy.SelectSourceDestination
	for _, b := range s.Body {
		switch b.Word(0) {
		case "from":
			r.from = k.prefix(b)
		case "to":
			r.to = k.prefix(b)
		case "oif":
			z.OIf = []string{b.Word(1)}
			k.whole(b, 2)
		case "snat_ip":
			laddrs, code := addresses(b.Word(1))
			if code != "" {
				k.report(code, "", b)
				continue
			}
			z.Pool = &translate.Pool{Pool: policy.Pool{Laddrs: []policy.Laddr{{Range: laddrs, Weight: policy.DefaultLaddrWeight}}}}
			k.whole(b, 2)
		case "algo":
			// The program compares the beginning alone: all but these are sdh.
			z.Select = map[string]policy.Select{"sh": policy.SelectSource, "random": policy.SelectFlow}[b.Word(1)]
			z.Select = cmp.Or(z.Select, policy.SelectSourceDestination)
			k.whole(b, 2)
		case "gw", "new_gw":
			switch a, err := netip.ParseAddr(b.Word(1)); {
			case err != nil:
				k.report("M207", "", b)
			case a.IsUnspecified():
				k.whole(b, 2)
			case b.Word(0) == "gw":
				k.later(r.gw, b)
				r.gw = b
			default:
				k.later(r.next, b)
				r.next = b
			}
		default:
			k.lose(translate.Unknown, "", b)
		}
	}
	switch {
	case z.Pool == nil:
		k.lose("M260", "", s)
		return
	case r.from.Bits() == 0:
		k.lose("M261", "", s) // ip_vs_snat.c looks for a source other than 0.0.0.0
		return
	}
	if z.Pool.Laddrs[0].Range.Single() {
		z.Select = policy.SelectSource
	}
	z.From = []inet.Range{inet.PrefixRange(r.from)}
	if r.to.Bits() > 0 {
		z.To = []inet.Range{inet.PrefixRange(r.to)}
	}
	k.snat = append(k.snat, r)
}

// later reports a statement, if there is one, that a later one says anew.
func (k *translator) later(was, s *Statement) {
	if was != nil {
		k.report("M004", "the later line decides: line "+strconv.Itoa(s.At.Line), was)
	}
}

// address returns the address that a statement says; none of a statement that is not there.
func (s *Statement) address() (a netip.Addr) {
	if s != nil {
		a, _ = netip.ParseAddr(s.Word(1))
	}
	return a
}

// prefix reads from or to of a SNAT rule. Without bits it is one address.
func (k *translator) prefix(s *Statement) netip.Prefix {
	head, tail, some := strings.Cut(s.Word(1), "/")
	a, err := netip.ParseAddr(head)
	bits := 32
	var err2 error
	if some {
		bits, err2 = strconv.Atoi(tail)
	} else if err == nil && a.IsUnspecified() {
		bits = 0
	}
	p := netip.PrefixFrom(a, bits)
	if err != nil || err2 != nil || !a.Is4() || !p.IsValid() {
		k.report("M207", "", s)
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	if p.Masked() != p {
		k.report("M262", "", s)
		return p.Masked()
	}
	k.whole(s, 2)
	return p
}

// snatRules makes zones of SNAT rules: of lvs-snat v2 the longest source decides, then the longest
// destination, then the oldest, and what no rule matches is refused; of DPVS the newest decides,
// and what none matches passes.
func (k *translator) snatRules() {
	slices.SortStableFunc(k.snat, func(a, b snatRule) int {
		return cmp.Or(cmp.Compare(b.from.Bits(), a.from.Bits()), cmp.Compare(b.to.Bits(), a.to.Bits()))
	})
	ways := make([]translate.Way, len(k.snat))
	for i, r := range k.snat {
		k.setup.Zones = append(k.setup.Zones, r.zone)
		ways[i] = translate.Way{Zone: r.zone, From: r.from, To: r.to, Gateway: r.gw.address(), Next: r.next.address()}
	}
	k.setup.Route(ways, func(i int, h translate.Hop, code, more string) {
		s := k.snat[i].gw
		if h == translate.NextHop {
			s = k.snat[i].next
		}
		k.report(code, more, s)
	})
	if len(k.snat) > 0 {
		why := "what no rule matches is refused, as the old kernel does"
		k.rest([]inet.ProtoPorts{{Proto: inet.ICMP}}, policy.Drop, "unmatched-icmp", why)
		k.rest([]inet.ProtoPorts{{Proto: inet.TCP, Ports: inet.AnyPort}, {Proto: inet.UDP, Ports: inet.AnyPort}}, policy.Reject, "unmatched", why)
	}
	for _, v := range slices.Backward(k.matches) {
		k.matched(v)
	}
}

// matched makes a zone of a virtual_server match of DPVS.
func (k *translator) matched(v *virtual) {
	z := translate.NewZone()
	z.Name, z.Origin = v.Word(2), translate.Origin{Place: v.At, Text: v.Text}
	family, ports := inet.V4, inet.AnyPort
	if len(v.servers) > 0 && v.servers[0].addr.Is6() {
		family = inet.V6
	}
	z.From = []inet.Range{inet.Everything(family)}
	for _, c := range v.cond {
		switch c.Word(0) {
		case "iif":
			z.IIf = []string{c.Word(1)}
			k.whole(c, 2)
		case "oif":
			z.OIf = []string{c.Word(1)}
			k.whole(c, 2)
		default:
			rs, p, ok := matchRange(c.Word(1))
			switch {
			case !ok:
				k.report("M207", "", c)
				continue
			case c.Word(0) == "src-range":
				if len(rs) > 0 {
					z.From = rs
				}
				if p != inet.AnyPort {
					k.report("M043", "", c)
					continue
				}
			default:
				z.To, ports = rs, p
			}
			k.whole(c, 2)
		}
	}
	switch {
	case v.proto == inet.ICMP && family == inet.V6:
		z.Ports = []inet.ProtoPorts{{Proto: inet.ICMPv6}}
	case v.proto == inet.ICMP:
		z.Ports = []inet.ProtoPorts{{Proto: inet.ICMP}}
	case v.proto != 0:
		z.Ports = []inet.ProtoPorts{{Proto: v.proto, Ports: ports}}
	}
	if v.pool != nil {
		k.report("M258", "", v.pool)
	}
	k.sources(v, z)
	k.quiet(v)
	k.setup.Zones = append(k.setup.Zones, z)
}

// matchRange reads A[-B][:PORT[-PORT]], with brackets for IPv6. Zeros are any.
func matchRange(text string) (rs []inet.Range, ports inet.PortRange, ok bool) {
	hosts, port := text, ""
	if i := strings.LastIndexByte(text, ']'); i >= 0 {
		hosts, port = strings.TrimPrefix(text[:i], "["), strings.TrimPrefix(text[i+1:], ":")
	} else if strings.Count(text, ":") == 1 {
		hosts, port, _ = strings.Cut(text, ":")
	}
	r, code := addresses(hosts)
	if code != "" {
		return nil, ports, false
	}
	if !r.From.IsUnspecified() {
		rs = []inet.Range{r}
	}
	ports, ok = portOf(port)
	return rs, ports, ok
}
