package gateway

import (
	"context"
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/nft"
)

// counts are what the elements of a table have counted, by object: new connections, and those that limits refused.
type counts struct {
	services map[string]*ct.Service
	zones    map[string]*ct.Zone
}

// counts reads them. That takes much less than reading the table: slots of large policies do not count.
func (r *Reader) counts(ctx context.Context) (counts, error) {
	sets, err := r.nft.Some(ctx, r.table, func(s *nft.Set) bool {
		n, ok := layout.ParseSet(s.Name)
		return ok && (n.Counts() || n.Kind == layout.Remember) // which tells services with persistence
	})
	if err != nil {
		return counts{}, err
	}
	b := readback.Bindings(&nft.Ruleset{Table: r.table, Sets: sets})
	c := counts{make(map[string]*ct.Service, len(b.Services)), make(map[string]*ct.Zone, len(b.Zones))}
	for i := range b.Services {
		c.services[b.Services[i].Name] = &b.Services[i]
	}
	for i := range b.Zones {
		c.zones[b.Zones[i].Name] = &b.Zones[i]
	}
	return c, nil
}

// enter enters them into a report that was made without.
func (c *counts) enter(r *ct.Report) {
	for i := range r.Services {
		s := &r.Services[i]
		counted := c.services[s.Name]
		if counted == nil {
			continue
		}
		s.New, s.Limits = counted.New, counted.Limits
		for n := range s.Servers {
			s.Servers[n].New = newOf(counted, netip.AddrPortFrom(s.Servers[n].Address, s.Servers[n].Port))
		}
	}
	for i := range r.Zones {
		z := &r.Zones[i]
		if counted := c.zones[z.Name]; counted != nil {
			z.New, z.Limits = counted.New, counted.Limits
		}
	}
}

// newOf returns what a real server has counted. Reports say the port that clients call where it has
// none of its own.
func newOf(s *ct.Service, at netip.AddrPort) (n uint64) {
	for i := range s.Servers {
		if rs := &s.Servers[i]; rs.Addr == at.Addr() && (rs.Port == at.Port() || rs.Port == 0) {
			n += rs.New
		}
	}
	return n
}
