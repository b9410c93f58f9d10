package routelink

import (
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Toward returns the interfaces by which packets to some addresses leave now; "" where there is no way.
func Toward(addrs []netip.Addr) (map[netip.Addr]string, error) {
	conn, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	names, out := make(map[int]string), make(map[netip.Addr]string, len(addrs))
	for _, a := range addrs {
		out[a] = ""
		routes, err := conn.RouteGet(a.AsSlice())
		if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL) {
			continue // no route; unreachable, prohibit and blackhole
		}
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if _, known := names[r.LinkIndex]; !known {
				link, err := conn.LinkByIndex(r.LinkIndex)
				if err != nil {
					return nil, err
				}
				names[r.LinkIndex] = link.Attrs().Name
			}
			out[a] = names[r.LinkIndex]
		}
	}
	return out, nil
}
