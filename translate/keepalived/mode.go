package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// mode says how a service translates: by the forwarding method of the virtual server, and of
// those real servers that have their own. Servers that answer past the gateway are left out.
func (k *translator) mode(v *virtual, svc *translate.Service) bool {
	if len(v.servers) == 0 {
		k.drop(v, "M216")
		return false
	}
	if direct(v) {
		k.drop(v, "M030")
		return false
	}
	methods := make(map[string]int)
	kept := v.servers[:0:0]
	seen := make(map[netip.AddrPort]bool)
	for _, r := range v.servers {
		m, id := v.method, netip.AddrPortFrom(r.addr, r.port)
		if r.method != nil {
			m = r.method
		}
		name := "NAT"
		if m != nil {
			name = strings.ToUpper(m.Word(1))
		}
		switch {
		case name != "NAT" && name != "FNAT":
			k.lose("M030", "", r.Statement)
			continue
		case inet.FamilyOf(r.addr) != v.family():
			k.lose("M003", "it is left out: its family is not that of the virtual server", r.Statement)
			continue
		case unusable(v, r.addr):
			k.lose("M003", "it is left out: no packet can be sent on to that address", r.Statement)
			continue
		case seen[id]:
			k.lose("M217", "", r.Statement)
			continue
		}
		if r.method != nil {
			k.whole(r.method, len(r.method.Words))
		}
		seen[id] = true
		methods[name]++
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		k.drop(v, "M031")
		return false
	}
	v.servers = kept
	if m := v.method; m != nil && !strings.EqualFold(m.Word(1), "NAT") && !strings.EqualFold(m.Word(1), "FNAT") {
		k.report("M030", "", m)
		v.method = nil
	}
	if methods["FNAT"] > 0 {
		k.fullnat(v, svc, methods["NAT"] > 0)
	} else {
		if v.method != nil {
			k.whole(v.method, len(v.method.Words))
		}
		if v.pool != nil {
			k.report("M218", "", v.pool)
		}
	}
	return true
}

// unusable tells whether no connection can be sent on to an address.
func unusable(v *virtual, a netip.Addr) bool {
	own := slices.ContainsFunc(v.at, func(e endpoint) bool { return slices.Contains(e.vips, a) })
	return own && len(v.at) == 1 && len(v.at[0].vips) == 1 || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast()
}

// direct tells whether all real servers have the virtual server's method, by which answers do not
// pass the gateway.
func direct(v *virtual) bool {
	if v.method == nil || strings.EqualFold(v.method.Word(1), "NAT") || strings.EqualFold(v.method.Word(1), "FNAT") {
		return false
	}
	return !slices.ContainsFunc(v.servers, func(r *real) bool { return r.method != nil })
}

// fullnat gives a service its laddrs.
func (k *translator) fullnat(v *virtual, svc *translate.Service, mixed bool) {
	if v.method != nil {
		k.whole(v.method, len(v.method.Words))
	}
	if mixed {
		k.Note(v.At, "M219", v.Text, "")
	}
	if k.dialect == translate.DSNAT && len(k.regions) > 0 {
		k.zoneLaddrs(v, svc)
		return
	}
	var p *translate.Pool
	if v.pool != nil {
		p = k.filled(v.pool.Word(1))
	}
	if p == nil {
		svc.Hairpin.From = []inet.Range{inet.Everything(inet.FamilyOf(v.servers[0].addr))}
		if v.pool != nil {
			k.report("M037", "", v.pool)
		} else {
			k.Note(v.At, "M037", v.Text, "")
		}
		return
	}
	k.whole(v.pool, 2)
	svc.Mode, svc.Pool, svc.Select = policy.FullNAT, p, turns(p)
}

// zoneLaddrs gives a FULLNAT service of dsnat the laddrs of all zones: that kernel takes those of
// the client's zone, and refuses clients of none.
func (k *translator) zoneLaddrs(v *virtual, svc *translate.Service) {
	if v.pool != nil {
		k.report("M255", "", v.pool)
	}
	p := new(translate.Pool)
	var before []inet.Range
	zones := 0
	for _, r := range k.regions {
		mine := inet.Subtract(r.from, before)
		before = inet.Merge(append(before, r.from...))
		if len(mine) == 0 || r.pool == nil {
			continue
		}
		svc.Allow = append(svc.Allow, mine...)
		zones++
		for i, l := range r.pool.Laddrs {
			if !slices.ContainsFunc(p.Laddrs, func(o policy.Laddr) bool { return o.Range == l.Range }) {
				p.Laddrs, p.Origins = append(p.Laddrs, l), append(p.Origins, r.pool.Origins[i])
			}
		}
	}
	svc.Allow = inet.Merge(svc.Allow)
	if len(inet.Subtract(everyone, svc.Allow)) == 0 {
		svc.Allow = nil
	}
	svc.Mode, svc.Pool, svc.Select = policy.FullNAT, p, turns(p)
	if zones > 1 {
		k.Note(v.At, "M263", v.Text, "")
	}
}
