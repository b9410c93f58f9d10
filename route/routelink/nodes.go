package routelink

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// readNodes asks the kernel by which interface each node is reached, and notes those that are neighbours:
// no router is in between.
func (r *reading) readNodes() error {
	for _, a := range r.ask.Nodes {
		routes, err := r.handle.RouteGet(a.AsSlice())
		switch {
		case leadsNowhere(err):
			continue
		case err != nil:
			return err
		}
		for _, w := range routes {
			if name := r.links[w.LinkIndex].name; len(w.Gw) == 0 && w.Via == nil && w.Type == unix.RTN_UNICAST && r.up[name] {
				r.Facts.Near = append(r.Facts.Near, route.Hop{Addr: a, Interface: name})
				break
			}
		}
	}
	return nil
}
