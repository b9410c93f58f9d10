package ipvsadm

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// fullnat gives a FULLNAT service its laddrs.
func (t *table) fullnat(v *service, out *translate.Service) {
	if t.dialect == translate.DSNAT && len(t.zones) > 0 {
		for i := range v.laddrs {
			t.say(&v.laddrs[i].origin, "M106", "it is left out: this kernel takes the laddrs of the client's zone")
		}
		t.zoneLaddrs(v, out)
	} else {
		out.Pool = t.pool(v.laddrs)
	}
	switch {
	case out.Pool != nil:
		if several(out.Pool) {
			out.Select = policy.SelectRoundRobin
		}
		t.tell(v, out)
	case t.laddrs:
		t.ledger.Note(v.Place, "M119", v.Text, "")
		out.Pool = nil
		out.Mode = policy.NAT
		for i := range out.Servers {
			out.Servers[i].Weight = 0
		}
	default:
		t.ledger.Note(v.Place, "M037", v.Text, "")
		out.Mode = policy.NAT
		out.Hairpin.From = []inet.Range{inet.Everything(v.family())}
	}
}

// tell has real servers learn who called. What holds for all services is said once.
func (t *table) tell(v *service, out *translate.Service) {
	switch code := out.Tell(t.dialect); {
	case code == "", code == "M038" && t.toa:
	default:
		t.toa = t.toa || code == "M038"
		t.ledger.Note(v.Place, code, v.Text, "")
	}
}

// pool makes a pool of laddrs, which were taken in turn; nil where there are none.
func (t *table) pool(laddrs []laddr) *translate.Pool {
	if len(laddrs) == 0 {
		return nil
	}
	p := new(translate.Pool)
	for i := range laddrs {
		l := &laddrs[i]
		p.Laddrs = append(p.Laddrs, policy.Laddr{Range: l.Range, Weight: policy.DefaultLaddrWeight})
		p.Origins = append(p.Origins, l.Origin)
		t.ledger.Whole(l.head...)
		for _, g := range l.options {
			code := "M115"
			if g.name == "ifname" {
				code = "M040"
			}
			t.say(&l.origin, code, "", g.words...)
		}
	}
	return p
}

// several tells whether a pool has more than one address, so that it matters which is chosen.
func several(p *translate.Pool) bool {
	return len(p.Laddrs) > 1 || len(p.Laddrs) == 1 && !p.Laddrs[0].Range.Single()
}

// zoneLaddrs gives a service of dsnat the laddrs of its clients' zones. Clients of no zone, or of
// one without laddrs, were refused.
func (t *table) zoneLaddrs(v *service, out *translate.Service) {
	var allow, before []inet.Range
	var first []laddr
	pools := 0
	for _, z := range t.zones {
		rs := matched(z.addr, z.mask)
		mine := inet.Subtract(rs, before)
		before = inet.Merge(append(before, rs...))
		if len(mine) == 0 || len(z.laddrs) == 0 {
			continue
		}
		allow = append(allow, mine...)
		for _, l := range z.laddrs {
			if !slices.ContainsFunc(first, func(o laddr) bool { return o.Range == l.Range }) {
				first = append(first, l)
			}
		}
		pools++
	}
	out.Pool = t.pool(first)
	if out.Pool == nil {
		return
	}
	if allow = inet.Merge(allow); len(inet.Subtract([]inet.Range{inet.Everything(inet.V4)}, allow)) > 0 {
		out.Allow = allow
	}
	if pools > 1 {
		t.ledger.Note(v.Place, "M120", v.Text, "")
	}
}
