package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// missingInterfaces finds names that no interface has. Names with an asterisk are those of
// interfaces that come and go.
func missingInterfaces(r *run, h Host) {
	if h.Interfaces == nil {
		return
	}
	var there []string
	for _, i := range h.Interfaces {
		there = append(there, i.Name)
	}
	look := func(w policy.Where, key string, names []string, object string) {
		for i, name := range names {
			if !strings.HasSuffix(name, "*") && !slices.Contains(there, name) {
				r.find(w.Item(key, i), object, "correct the name, or create the interface before traffic should pass; this host has "+few(there),
					"there is no interface %s on this host: nothing passes through it", name)
			}
		}
	}
	look(r.Gateway.Where, "uplinks", r.Gateway.Uplinks, "gateway")
	if name := r.Gateway.Addresses.Interface; name != "" && !slices.Contains(there, name) {
		r.find(r.Gateway.At("addresses"), "gateway", "correct the name, or apply again once the interface exists; this host has "+few(there),
			"there is no interface %s on this host to put the VIPs and laddrs on", name)
	}
	r.eachZone(func(z *policy.Zone, object string) {
		look(z.Where, "iif", z.IIf, object)
		look(z.Where, "oif", z.OIf, object)
	})
}

// few lists names, some of many.
func few(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// lost finds sources that packets have no way back to, but by an uplink. A whole family is no
// place that a route could lead to, and what is refused needs no way back.
func lost(r *run, h Host) {
	if h.Routes == nil {
		return
	}
	back := waysOf(h.Routes)
	r.eachZone(func(z *policy.Zone, object string) {
		if z.Action == policy.Drop || z.Action == policy.Reject {
			return
		}
		outside := r.outside(z)
		inside := func(name string) bool { return inet.IsAnyInterface(z.IIf, name) || !inet.IsAnyInterface(outside, name) }
		for i, source := range z.From {
			if isEverything(source) || back.lead(source, inside) {
				continue
			}
			r.find(z.Item("from", i), object, "add a route to it, or remove it from the zone's sources",
				"no inside interface of this host has a route to %s: answers to these clients do not reach them", source)
		}
	})
}

// outside names the interfaces by which a zone's connections leave.
func (r *run) outside(z *policy.Zone) []string {
	if len(z.OIf) > 0 {
		return z.OIf
	}
	return r.Gateway.Uplinks
}

// strict is the value of rp_filter that drops packets whose sender would not be answered by
// the interface that they came in by (RFC 3704, 2.2; Documentation/networking/ip-sysctl.rst).
const strict = "1"

// strictInterfaces returns the interfaces that filter strictly. The greater of two values
// holds: that of all interfaces, and the interface's own.
func (h Host) strictInterfaces() (names []string) {
	all := h.Sysctls["net/ipv4/conf/all/rp_filter"]
	for _, i := range h.Interfaces {
		if max(all, h.Sysctls["net/ipv4/conf/"+i.Name+"/rp_filter"]) == strict {
			names = append(names, i.Name)
		}
	}
	return names
}

// strictPaths finds strict interfaces that packets come in by whose answers leave by another:
// one of several uplinks without a default route, and one that a zone is entered by and not
// left to. IPv6 has no such filter.
func strictPaths(r *run, h Host) {
	names := h.strictInterfaces()
	if len(names) == 0 || h.Routes == nil || !r.uses(inet.V4) {
		return
	}
	r.strictUplinks(h, names)
	back := waysOf(h.Routes)
	r.eachZone(func(z *policy.Zone, object string) {
		if len(z.IIf) == 0 {
			return
		}
		sources := inet.Of(inet.V4, z.From)
		for _, name := range names {
			is := func(n string) bool { return n == name }
			if len(sources) == 0 || !inet.IsAnyInterface(z.IIf, name) || slices.ContainsFunc(sources, func(s inet.Range) bool { return back.lead(s, is) }) {
				continue
			}
			r.find(z.At("iif"), object, loosen(name)+", or route the sources back by it",
				"rp_filter is strict on %s, and %s is routed by another interface: packets from these clients are dropped", name, plainList(sources))
		}
	})
}

func (r *run) strictUplinks(h Host, names []string) {
	uplinks := 0
	for _, i := range h.Interfaces {
		if inet.IsAnyInterface(r.Gateway.Uplinks, i.Name) {
			uplinks++
		}
	}
	if uplinks < 2 {
		return
	}
	for _, name := range names {
		byDefault := slices.ContainsFunc(h.Routes, func(route Route) bool {
			return route.Dst.Addr().Is4() && route.Dst.Bits() == 0 && route.Interface == name
		})
		if inet.IsAnyInterface(r.Gateway.Uplinks, name) && !byDefault {
			r.find(r.gatewayAt("uplinks"), "gateway", loosen(name)+", or give it a default route in its own routing table",
				"rp_filter is strict on the uplink %s, which has no default route: packets that come in there from sources routed by another uplink are dropped", name)
		}
	}
}

func loosen(name string) string { return "write 2 (loose) to net.ipv4.conf." + name + ".rp_filter" }

// uses tells whether the policy forwards anything of a family.
func (r *run) uses(f inet.Family) bool {
	return slices.ContainsFunc(r.Zones, func(z policy.Zone) bool {
		return z.Action != policy.Drop && z.Action != policy.Reject && len(inet.Of(f, z.From)) > 0
	}) || slices.ContainsFunc(r.Services, func(s policy.Service) bool {
		return slices.ContainsFunc(s.RealServers, func(rs policy.RealServer) bool { return inet.FamilyOf(rs.Addr) == f })
	})
}

// gatewayAt returns the place of a key of the gateway, and the policy's start where there is
// no such section.
func (r *run) gatewayAt(key string) policy.Pos {
	if at := r.Gateway.At(key); at.Line > 0 {
		return at
	}
	return r.Start
}
