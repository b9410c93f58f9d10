package routelink

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// loopback is the index of lo in every network namespace (drivers/net/loopback.c).
const loopback = 1

// Toward returns the interfaces by which the gateway's own packets to an address may leave: those of all next hops
// of its route, also where the link is down now, and for each mark that a rule of others asks for. None: there
// is no way. The kernel is asked once for all addresses that no rule or route tells apart.
func (w *Ways) Toward(a netip.Addr) ([]string, error) {
	if !w.open() {
		return nil, w.err
	}
	r := &w.v4
	if a.Is6() {
		r = &w.v6
	}
	class := r.first(a)
	out, asked := w.toward[class]
	if asked {
		return out, nil
	}
	for _, mark := range r.marks {
		kind, hops, err := w.lookup(packet{to: a, mark: mark})
		switch {
		case leadsNowhere(err):
			continue
		case err != nil:
			return nil, err
		case kind == unix.RTN_LOCAL: // the route names the interface that has the address
			hops = []nextHop{{index: loopback}}
		case kind != unix.RTN_UNICAST:
			continue
		}
		for _, hop := range hops {
			if name := w.name(hop.index); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	w.toward[class] = out
	return out, nil
}
