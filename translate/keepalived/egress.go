package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// region is a zone block of dsnat: sources, and the laddrs that they leave with.
type region struct {
	*Statement
	from []inet.Range
	pool *translate.Pool // nil: its sources are refused
}

// everyone is all IPv4 sources: the old kernels translate no others.
var everyone = []inet.Range{inet.Everything(inet.V4)}

// region reads `zone ADDRESS MASK`, with a mask in dots or in bits, or behind a slash.
func (k *translator) region(s *Statement) {
	addr, mask, n := s.Word(1), s.Word(2), 3
	if head, tail, some := strings.Cut(addr, "/"); some {
		addr, mask, n = head, tail, 2
	}
	a, err := netip.ParseAddr(addr)
	bits, ok := maskBits(mask)
	if mask == "" {
		bits, ok = 32, true
	}
	if err != nil || !a.Is4() || !ok || bits > 32 {
		k.lose("M207", "", s)
		return
	}
	r := &region{Statement: s, from: []inet.Range{inet.PrefixRange(netip.PrefixFrom(a, bits).Masked())}}
	k.block(s, n)
	for _, b := range s.Body {
		if b.Word(0) != "laddr_group_name" {
			k.lose(translate.Unknown, "", b)
			continue
		}
		if r.pool = k.filled(b.Word(1)); r.pool == nil {
			k.report("M222", "", b)
		} else {
			k.whole(b, 2)
		}
	}
	k.regions = append(k.regions, r)
}

// filled returns the pool of that name, nil where there is none or it is empty.
func (k *translator) filled(name string) *translate.Pool {
	k.use("laddrs", name)
	if p := k.pools[name]; p != nil && len(p.Laddrs) > 0 {
		return p
	}
	return nil
}

// turns is how the forks choose a laddr: in turn, where there are several.
func turns(p *translate.Pool) policy.Select {
	if len(p.Laddrs) == 1 && p.Laddrs[0].Range.Single() {
		return policy.SelectSource
	}
	return policy.SelectRoundRobin
}

// everything reads a virtual server 0.0.0.0 0: what leaves by its protocol is translated.
func (k *translator) everything(v *virtual) { k.zero = append(k.zero, v) }

// egress makes zones of what leaves: the zones of dsnat, in their order, or the laddrs or real
// servers of the virtual servers 0.0.0.0 0 themselves.
func (k *translator) egress() {
	k.snatRules()
	if len(k.zero) == 0 {
		for _, r := range k.regions {
			k.Note(r.At, "M256", r.Text, "")
		}
		return
	}
	var on []inet.Proto
	for _, v := range k.zero {
		if slices.Contains(on, v.proto) {
			k.drop(v, "M229")
			continue
		}
		on = append(on, v.proto)
		if len(k.regions) == 0 {
			k.own(v)
		} else {
			k.inert(v)
		}
	}
	if len(k.regions) == 0 {
		return
	}
	var off []inet.ProtoPorts
	all := make([]inet.ProtoPorts, 0, 2)
	for _, p := range []inet.Proto{inet.TCP, inet.UDP} {
		if pp := (inet.ProtoPorts{Proto: p, Ports: inet.AnyPort}); slices.Contains(on, p) {
			all = append(all, pp)
		} else {
			off = append(off, pp)
		}
	}
	off = append(off, inet.ProtoPorts{Proto: inet.ICMP}, inet.ProtoPorts{Proto: inet.SCTP, Ports: inet.AnyPort})
	k.rest(off, policy.Accept, "untranslated", "the old kernel leaves these protocols alone: pings go out with their private source")
	var seen []inet.Range
	for _, r := range k.regions {
		if len(inet.Subtract(r.from, seen)) == 0 {
			k.Note(r.At, "M257", r.Text, "")
			continue
		}
		seen = inet.Merge(append(seen, r.from...))
		z := translate.NewZone()
		z.From, z.Origin, z.Pool = r.from, translate.Origin{Place: r.At, Text: r.Text}, r.pool
		if r.pool == nil {
			z.Action = policy.Reject
			z.Notes = []string{"no laddrs: its sources are refused"}
		} else {
			z.Select = turns(r.pool)
		}
		k.setup.Zones = append(k.setup.Zones, z)
	}
	if len(inet.Subtract(everyone, seen)) > 0 {
		k.rest(all, policy.Reject, "refused", "sources in no zone are refused, as the old kernel does")
	}
}

// rest adds a zone of all sources, for some protocols.
func (k *translator) rest(ports []inet.ProtoPorts, action policy.Action, name, why string) {
	z := translate.NewZone()
	z.Name, z.From, z.Ports, z.Action, z.Notes = name, everyone, ports, action, []string{why}
	k.setup.Zones = append(k.setup.Zones, z)
}

// inert accounts for a virtual server 0.0.0.0 0 beside zones: it only switches its protocol on.
func (k *translator) inert(v *virtual) {
	k.quiet(v)
	for _, r := range v.servers {
		k.lose("M258", "", r.Statement)
	}
	for _, s := range []*Statement{v.pool, v.sched} {
		if s != nil {
			k.report("M258", "", s)
		}
	}
}

// quiet accounts for what a virtual server that translates sources does not use.
func (k *translator) quiet(v *virtual) {
	if m := v.method; m != nil && (m.Word(1) == "NAT" || m.Word(1) == "FNAT" || m.Word(1) == "SNAT") {
		k.whole(m, len(m.Words))
	} else if m != nil {
		k.report("M258", "", m)
	}
	for _, s := range v.Body {
		if timerWords[s.Word(0)] {
			k.report("M258", "", s)
		}
	}
	for _, s := range append([]*Statement{v.persist, v.mask, v.sorry, v.kind, v.alpha, v.hosts, v.deny, v.allow, v.quorum.from, v.hyst.from, v.open}, v.flags...) {
		if s != nil {
			k.report("M258", "", s)
		}
	}
	if v.proxy != nil {
		k.report("M052", "it is left out: a SYN proxy is of services that have a VIP", v.proxy)
	}
	for _, r := range v.servers {
		for _, s := range []*Statement{r.most, r.least} {
			if s != nil && k.Fate(s.Refs[0]) == 0 {
				k.report("M258", "", s)
			}
		}
	}
}

// own makes a zone of all sources of a virtual server 0.0.0.0 0: it has laddrs (dsnat without
// zones), or real servers that are the sources (plain kernels patched for SNAT).
func (k *translator) own(v *virtual) {
	z := translate.NewZone()
	z.From, z.Ports, z.Origin = everyone, []inet.ProtoPorts{{Proto: v.proto, Ports: inet.AnyPort}}, translate.Origin{Place: v.At, Text: v.Text}
	z.Name = "snat-" + v.proto.String()
	if v.pool != nil && k.filled(v.pool.Word(1)) != nil {
		k.whole(v.pool, 2)
		z.Pool = k.filled(v.pool.Word(1))
		z.Select = turns(z.Pool)
		if v.sched != nil {
			k.report("M258", "", v.sched)
		}
		for _, r := range v.servers {
			k.lose("M258", "", r.Statement)
		}
	} else if v.pool != nil {
		k.report("M222", "", v.pool)
		z.Action = policy.Reject
		if v.sched != nil {
			k.report("M258", "", v.sched)
		}
	} else {
		k.sources(v, z)
	}
	k.quiet(v)
	k.setup.Zones = append(k.setup.Zones, z)
}

// sources makes a pool of the real servers of a virtual server that translates sources, and a
// selection of its scheduler.
func (k *translator) sources(v *virtual, z *translate.Zone) {
	p := new(translate.Pool)
	for _, r := range v.servers {
		weight := v.weight
		if r.weight.from != nil {
			weight = r.weight.n
		}
		for _, c := range r.checks {
			k.lose("M258", "", c)
		}
		if r.port != 0 {
			k.Note(r.At, "M129", r.Text, "")
		}
		if v.sched != nil && v.sched.Word(1) == "rr" && weight > 1 && r.weight.from != nil {
			k.report("M019", "", r.weight.from)
		}
		if r.method != nil {
			k.whole(r.method, len(r.method.Words))
		}
		if r.hosts != nil {
			k.report("M258", "", r.hosts)
		}
		p.Laddrs = append(p.Laddrs, policy.Laddr{Range: inet.AddrRange(r.addr), Weight: weight})
		p.Origins = append(p.Origins, translate.Origin{Place: r.At, Text: r.Text})
	}
	name := "wlc"
	if v.sched != nil {
		name = v.sched.Word(1)
	}
	z.Select = turns(p)
	switch name {
	case "rr":
		for i := range p.Laddrs {
			p.Laddrs[i].Weight = min(p.Laddrs[i].Weight, policy.DefaultLaddrWeight)
		}
	case "sh":
		z.Select = policy.SelectSource
	case "dh":
		z.Select = policy.SelectSourceDestination
	}
	switch {
	case v.sched == nil:
	case name == "rr" || name == "wrr" || name == "sh":
		k.whole(v.sched, 2)
	default:
		k.report("M259", "", v.sched)
	}
	if !slices.ContainsFunc(p.Laddrs, func(l policy.Laddr) bool { return l.Weight > 0 }) {
		z.Action = policy.Reject
		z.Notes = append(z.Notes, "no address has a weight: sources are refused")
		return
	}
	z.Pool = p
}
