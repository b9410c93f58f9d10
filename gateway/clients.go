package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route/routelink"
	"github.com/snatctl/snatctl/toa"
	"github.com/snatctl/snatctl/toa/toalink"
)

// callers is what the program that tells real servers who called is to know: services with client_address.
// Its interfaces are those that may lead to the real servers now; lost are real servers without a way.
func callers(p *policy.Policy) (want *toa.Program, lost []netip.Addr, err error) {
	want = new(toa.Program)
	for i := range p.Services {
		if s := &p.Services[i]; s.TellsClients() {
			want.Services = append(want.Services, told(s))
		}
	}
	ways := new(routelink.Ways)
	defer ways.Close()
	for _, server := range want.Servers() {
		ifaces, err := ways.Toward(server)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("client_address: find the interfaces toward real server %s: %w", server, err)
		case len(ifaces) == 0:
			lost = append(lost, server)
		}
		want.Interfaces = append(want.Interfaces, ifaces...)
	}
	slices.Sort(want.Interfaces)
	want.Interfaces = slices.Compact(want.Interfaces)
	return want, lost, nil
}

// told returns a service as the program knows it.
func told(s *policy.Service) toa.Service {
	t := toa.Service{Name: s.Name, VIPs: s.VIP}
	for _, p := range s.Ports {
		if p.Proto == inet.TCP {
			t.Ports = append(t.Ports, p.Ports)
		}
	}
	for _, list := range [][]policy.RealServer{s.RealServers, s.SorryServers} {
		for i := range list {
			t.Servers = append(t.Servers, list[i].Addr)
		}
	}
	slices.SortFunc(t.Servers, netip.Addr.Compare)
	t.Servers = slices.Compact(t.Servers)
	return t
}

// planCallers says what is to be done so that real servers learn who called. One without a way is worth a
// warning: an interface may come later.
func (g *Gateway) planCallers(p *policy.Policy) (*toalink.Plan, error) {
	plan, lost, err := g.compareCallers(p)
	for _, server := range lost {
		g.tell(Warning{fmt.Errorf("client_address: there is no way to real server %s, so it is not told who calls: apply again once there is one", server)})
	}
	return plan, err
}

// compareCallers compares the programs that stand with those that the policy wants.
func (g *Gateway) compareCallers(p *policy.Policy) (plan *toalink.Plan, lost []netip.Addr, err error) {
	want, lost, err := callers(p)
	if err != nil {
		return nil, nil, err
	}
	plan, err = toalink.Compare(g.table, want)
	return plan, lost, err
}

// tellCallers says what a plan means.
func (d *Difference) tellCallers(p *toalink.Plan) {
	var names []string
	for i := range p.Program.Services {
		names = append(names, p.Program.Services[i].Name)
	}
	for _, iface := range p.Put {
		c := tell.Change{Action: tell.ChangeObject, Kind: tell.KindClients, Name: iface, Detail: "toa: " + atMost(names, named)}
		if p.New(iface) {
			c.Action = tell.AddObject
		}
		d.Changes = append(d.Changes, c)
	}
	for _, iface := range p.Drop {
		d.Changes = append(d.Changes, tell.Change{Action: tell.RemoveObject, Kind: tell.KindClients, Name: iface, Detail: "toa"})
	}
}

// atMost lists the first names.
func atMost(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// removeCallers removes the programs of the table, and returns what takes that back.
func (g *Gateway) removeCallers() (*toalink.Done, int, error) {
	plan, err := toalink.Compare(g.table, new(toa.Program))
	if err != nil {
		return nil, 0, err
	}
	done, err := plan.Before()
	if err != nil {
		return nil, 0, err
	}
	if err := done.After(); err != nil {
		return nil, 0, errors.Join(err, done.Undo())
	}
	return done, len(plan.Drop), nil
}
