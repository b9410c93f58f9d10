package routelink

import (
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/route"
)

// way enters or removes a route of an uplink. It takes the place of another one in one step, so that no
// packet finds none.
func (c *Conn) way(o route.Op, w route.Way, metric uint32, at indexes) error {
	r := &netlink.Route{Table: w.Table, Protocol: route.Protocol, Priority: int(metric), Dst: everywhere(w.Family)}
	switch {
	case w.Interface == "":
		r.Type, r.Priority = unix.RTN_UNREACHABLE, int(route.Behind(metric))
	case w.Gateway.IsValid():
		r.LinkIndex, r.Gw, r.Flags = at[w.Interface], w.Gateway.AsSlice(), int(netlink.FLAG_ONLINK)
	default:
		r.LinkIndex, r.Scope = at[w.Interface], netlink.SCOPE_LINK
	}
	switch {
	case o.Remove && w.Interface != "" && r.LinkIndex == 0:
		return unix.ENODEV // it went with the interface
	case o.Remove:
		return c.handle.RouteDel(r)
	case o.Instead != nil:
		return c.handle.RouteReplace(r)
	}
	return c.handle.RouteAdd(r)
}

// everywhere is where default routes lead.
func everywhere(f inet.Family) *net.IPNet {
	if f == inet.V6 {
		return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	}
	return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
}

// takeWay enters a route that bears our number and is in no table of the kernel's.
func (r *reading) takeWay(w path, kind uint8) {
	way := route.Way{Table: w.table, Family: inet.FamilyOf(w.dst.Addr())}
	switch {
	case w.dst.Bits() > 0 || w.metric < route.LeastMetric: // somebody else's who uses our number
	case kind == unix.RTN_UNREACHABLE && w.metric == route.Behind(r.metric):
		r.Have.Ways = append(r.Have.Ways, way)
	case kind == unix.RTN_UNICAST && w.metric == r.metric && len(w.hops) == 1:
		way.Gateway, way.Interface = w.hops[0].gateway, r.links[w.hops[0].index].name
		r.Have.Ways = append(r.Have.Ways, way)
	case w.metric&^route.Behind(0) != r.metric:
		r.Facts.Taken = append(r.Facts.Taken, w.table)
	}
}

// readUplinks finds out what the interfaces of uplinks can do.
func (r *reading) readUplinks() {
	_, err := os.Stat(procSys + "net/ipv6/conf/all")
	r.Facts.V6 = err == nil
	all, _ := strconv.Atoi(sysctl("net/ipv4/conf/all/rp_filter"))
	for _, name := range r.ask.Uplinks {
		if !r.up[name] {
			continue
		}
		r.Facts.Up = append(r.Facts.Up, name)
		if sysctl("net/ipv6/conf/"+name+"/disable_ipv6") == "0" {
			r.Facts.Up6 = append(r.Facts.Up6, name)
		}
		if own, err := strconv.Atoi(sysctl(rpFilter(name))); err == nil && max(own, all) == 1 {
			r.Facts.Strict = append(r.Facts.Strict, route.Loose{Interface: name, Was: own})
		}
	}
}

const procSys = "/proc/sys/"

// sysctl is the value of a sysctl by its path below /proc/sys; "" if it cannot be read.
func sysctl(key string) string {
	b, _ := os.ReadFile(procSys + key)
	return strings.TrimSpace(string(b))
}

func setSysctl(key, value string) error { return os.WriteFile(procSys+key, []byte(value), 0) }

func rpFilter(name string) string { return "net/ipv4/conf/" + name + "/rp_filter" }

// loosen sets rp_filter, or takes that back.
func loosen(l route.Loose, back bool) error {
	value := "2"
	if back {
		value = strconv.Itoa(l.Was)
	}
	return setSysctl(rpFilter(l.Interface), value)
}
