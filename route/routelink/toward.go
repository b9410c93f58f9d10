package routelink

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Toward returns the interface by which the gateway's own packets to an address leave now; "" where there is no
// way. The kernel is asked once for all addresses that no rule or route tells apart.
func (w *Ways) Toward(a netip.Addr) (string, error) {
	if !w.open() {
		return "", w.err
	}
	r := &w.v4
	if a.Is6() {
		r = &w.v6
	}
	class := r.first(a)
	iface, asked := w.toward[class]
	if asked {
		return iface, nil
	}
	routes, err := w.conn.RouteGet(a.AsSlice())
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		// no route; unreachable, prohibit and blackhole
	case err != nil:
		return "", err
	case len(routes) > 0:
		iface = w.name(routes[0].LinkIndex)
	}
	w.toward[class] = iface
	return iface, nil
}
