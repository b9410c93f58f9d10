package ct

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// laddrList is what a tally knows about laddrs, in an order to list it.
type laddrList struct {
	numbers map[netip.Addr]int32
	busiest []busy // by the laddr's number
	users   map[use][]laddrUse
}

type busy struct {
	to    Destination
	ports uint32
}

type laddrUse struct {
	laddr netip.Addr
	flows uint64
}

func (t *Tally) listLaddrs() *laddrList {
	l := &laddrList{t.laddrs, make([]busy, len(t.laddrs)), make(map[use][]laddrUse)}
	for k, n := range t.v4 {
		l.busiest[k.laddr].meet(Destination{netip.AddrPortFrom(netip.AddrFrom4(k.to), k.port), k.proto}, n)
	}
	for k, n := range t.v6 {
		l.busiest[k.laddr].meet(Destination{netip.AddrPortFrom(netip.AddrFrom16(k.to), k.port), k.proto}, n)
	}
	addrs := make([]netip.Addr, len(t.laddrs))
	for a, n := range t.laddrs {
		addrs[n] = a
	}
	for u, flows := range t.uses {
		who := use{service: u.service, zone: u.zone}
		l.users[who] = append(l.users[who], laddrUse{addrs[u.laddr], flows})
	}
	for _, list := range l.users {
		slices.SortFunc(list, func(a, b laddrUse) int { return a.laddr.Compare(b.laddr) })
	}
	return l
}

// meet keeps the busier of two destinations, of two as busy the lower one.
func (b *busy) meet(to Destination, ports uint32) {
	if ports > b.ports || ports == b.ports && to.compare(b.to) < 0 {
		b.to, b.ports = to, ports
	}
}

// of lists the laddrs of a service or zone: those with flows, and all of its pools if these
// are small.
func (l *laddrList) of(who use, pools []Pool) []LaddrReport {
	out := []LaddrReport{}
	has := make(map[netip.Addr]bool)
	for _, u := range l.users[who] {
		out = append(out, l.report(u, pools))
		has[u.laddr] = true
	}
	for _, a := range few(pools) {
		if !has[a] {
			out = append(out, l.report(laddrUse{laddr: a}, pools))
		}
	}
	slices.SortFunc(out, func(a, b LaddrReport) int { return a.Address.Compare(b.Address) })
	return out
}

func (l *laddrList) report(u laddrUse, pools []Pool) LaddrReport {
	r := LaddrReport{Address: u.laddr, Flows: u.flows}
	if n, ok := l.numbers[u.laddr]; ok {
		r.Busiest, r.Ports = l.busiest[n].to, int(l.busiest[n].ports)
	}
	ports := KernelPorts
	if p := poolWith(pools, u.laddr); p != nil {
		r.Pool = p.Name
		if !p.Ports.IsZero() {
			ports = p.Ports
		}
	}
	switch {
	case !r.Busiest.To.IsValid() || r.Busiest.Proto.HasPorts():
		r.Capacity = ports.Len()
	case r.Busiest.Proto == inet.ICMP || r.Busiest.Proto == inet.ICMPv6:
		r.Capacity = inet.AnyPort.Len() // echo ids, of which pools bind none
	}
	return r
}

// areFew tells whether pools have at most fewLaddrs.
func areFew(pools []Pool) bool {
	var n uint64
	for _, p := range pools {
		for _, r := range p.Laddrs {
			if n += r.Count(); n > fewLaddrs {
				return false
			}
		}
	}
	return true
}

// few returns the addresses of pools, none if they are more than fewLaddrs.
func few(pools []Pool) (out []netip.Addr) {
	if !areFew(pools) {
		return nil
	}
	for _, p := range pools {
		for _, r := range p.Laddrs {
			for a := r.From; ; a = a.Next() {
				if out = append(out, a); a == r.To {
					break
				}
			}
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
