package ct

import (
	"cmp"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Grouping says by what flows are summed up. The zero value is by zone.
type Grouping uint8

// What flows can be summed up by.
const (
	ByZone Grouping = iota
	ByService
	ByServer      // real servers, each of a service
	ByLaddr       // translated sources, whoever uses them
	ByClient      // who opened the connection
	ByDestination // whom the client called
	ByObject      // real servers, each of a service, and zones
)

// Groupings lists those that people look at, in their order.
var Groupings = [...]Grouping{ByZone, ByService, ByServer, ByLaddr, ByClient, ByDestination}

// String returns "zone", "service", "real server", "laddr", "client", "destination" or "object".
func (g Grouping) String() string {
	return [...]string{"zone", "service", "real server", "laddr", "client", "destination", "object"}[min(g, ByObject)]
}

// Group is what some flows have in common. The zero value is that of flows to which the
// grouping does not apply: those of no zone, with no laddr, …
type Group struct {
	Name  string         // of the zone or service
	At    netip.AddrPort // the real server, laddr, client or destination; laddrs and clients have no port
	Proto inet.Proto     // of destinations
	// Expected tells that a helper expected the flow, so that no element of a zone has counted it.
	// Only ByObject tells.
	Expected bool
}

// of returns the group that a flow belongs to.
func (g Grouping) of(f *Flow, o *Owner) Group {
	switch g {
	case ByZone:
		return Group{Name: o.Zone}
	case ByService:
		return Group{Name: o.Service}
	case ByServer:
		return Group{Name: o.Service, At: o.Server}
	case ByLaddr:
		if !o.Laddr.IsValid() {
			return Group{}
		}
		return Group{At: netip.AddrPortFrom(o.Laddr, 0)}
	case ByObject:
		if o.Service == "" {
			return Group{Name: o.Zone, Expected: o.Zone != "" && f.Status&Expected != 0}
		}
		return Group{Name: o.Service, At: o.Server}
	case ByClient:
		return Group{At: netip.AddrPortFrom(f.Orig.Src.Addr(), 0)}
	}
	at := f.Orig.Dst
	if !f.Orig.Proto.HasPorts() {
		at = netip.AddrPortFrom(at.Addr(), 0)
	}
	return Group{At: at, Proto: f.Orig.Proto}
}

// String returns "office", "web 192.168.1.1:80", "198.51.100.1", "8.8.8.8:443/tcp", or "-"
// for the zero value.
func (g Group) String() string {
	switch {
	case g == Group{}:
		return "-"
	case g.Proto != 0:
		return Destination{g.At, g.Proto}.String()
	case !g.At.IsValid():
		return g.Name
	case g.Name != "":
		return g.Name + " " + g.At.String()
	}
	return g.At.Addr().String()
}

// Compare orders groups: by name, then by address.
func (g Group) Compare(o Group) int {
	return cmp.Or(cmp.Compare(g.Name, o.Name), g.At.Compare(o.At), cmp.Compare(g.Proto, o.Proto))
}
