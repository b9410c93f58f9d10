package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// services lets the service decide that claims the packet's destination.
func (d *decider) services() bool {
	s := d.service()
	if s == nil {
		return false
	}
	d.Service = s.Name
	d.synProxy(s)
	client := d.pkt.From.Addr()
	switch {
	case contains(s.Deny, client):
		return d.end(Drop, "service %s: `deny` contains %s", s.Name, client)
	case len(s.Allow) > 0 && !contains(s.Allow, client):
		return d.end(Drop, "service %s: `allow` does not contain %s", s.Name, client)
	}
	servers := d.realServers(s)
	if len(servers) == 0 {
		return d.empty(s)
	}
	if sorry := d.sorry(s); sorry != "" {
		d.say("service %s: with fewer real servers up than its quorum of %s, new connections go to %s", s.Name, s.Quorum, sorry)
	}
	d.watch("service", s.Name, s.Controls())
	d.limits("service "+s.Name, &s.Limits)
	d.DNAT = servers
	switch {
	case s.Mode == NAT && contains(s.Hairpins(d.family), client):
		d.Masquerade = true
		return d.accept("service %s: mode nat, scheduler %s: to %s, which sees the address of the interface that it is reached through, since `hairpin` holds %s",
			s.Name, s.Scheduler, oneOf(servers), client)
	case s.Mode == NAT && s.IsServer(client):
		return d.accept("service %s: mode nat, scheduler %s: to %s, which sees the client; %s is a real server of it, so it gets no answer from itself or from others on its network: write `hairpin: true`",
			s.Name, s.Scheduler, oneOf(servers), client)
	case s.Mode == NAT:
		return d.accept("service %s: mode nat, scheduler %s: to %s, which sees the client", s.Name, s.Scheduler, oneOf(servers))
	}
	if !d.laddrs(s.Laddrs) {
		d.DNAT = nil
		return d.end(Drop, "service %s: has no %s laddr", s.Name, d.family)
	}
	sees := oneOf(d.Source().Targets)
	if s.TellsClients() && d.pkt.Proto == inet.TCP {
		sees += ", and the client's address in a TCP option (client_address: toa)"
	}
	return d.accept("service %s: mode fullnat, scheduler %s: to %s, which sees %s", s.Name, s.Scheduler, oneOf(servers), sees)
}

// service returns the service that claims what the packet calls: by its exact port before
// any range that holds it, by a range before `*`. Validation saw to it that no two claims of
// one rank meet.
func (d *decider) service() *Service {
	winner, best, known := d.claimant()
	if winner == nil || !d.answers(winner) { // who completes the handshake does so before anybody looks at a mark
		if s := d.marked(); s != nil {
			return s
		}
	}
	for i := range d.policy.Services {
		d.unresolved(&d.policy.Services[i])
	}
	switch {
	case !known:
		d.say("no service has the VIP %s", d.pkt.To.Addr())
	case winner == nil:
		d.say("no service at the VIP %s takes %s", d.pkt.To.Addr(), d.pkt.called())
	default:
		d.say("service %s: takes %s on %s%s, by %s", winner.Name, d.pkt.called(), d.pkt.To.Addr(), winner.ofInterface(d.pkt.To.Addr()), [...]string{"its exact port", "a range of ports", "all ports"}[best])
	}
	return winner
}

// claimant returns the service whose VIP and ports the packet calls, the rank of its claim, and whether some
// service has the VIP.
func (d *decider) claimant() (winner *Service, best int, known bool) {
	for i := range d.policy.Services {
		s := &d.policy.Services[i]
		if !slices.Contains(s.VIP, d.pkt.To.Addr()) {
			continue
		}
		known = true
		for _, pp := range s.Ports {
			if !d.pkt.calls(pp) {
				continue
			}
			if r := rank(pp.Ports); winner == nil || r < best {
				winner, best = s, r
			}
		}
	}
	return winner, best, known
}

// unresolved says that the service would take the packet, if it calls an address of an interface that
// nobody told.
func (d *decider) unresolved(s *Service) {
	for i := range s.Interfaces {
		v := &s.Interfaces[i]
		if !v.Known && v.takes(s, d.family) && slices.ContainsFunc(s.Ports, d.pkt.calls) {
			d.say("service %s: unresolved: it takes %s on the addresses of %s, which are known on the host only", s.Name, d.pkt.called(), v.Interface)
		}
	}
}

// rank orders claims: an exact port wins over a range, a range over all ports.
func rank(r inet.PortRange) int {
	switch {
	case r.Single():
		return 0
	case r != inet.AnyPort:
		return 1
	}
	return 2
}

// realServers returns what a service may send the connection to. Which of them a scheduler
// chooses, and where persistence keeps a client, is nothing that the packet tells.
func (d *decider) realServers(s *Service) (out []netip.AddrPort) {
	for _, rs := range s.RealServers {
		switch {
		case inet.FamilyOf(rs.Addr) != d.family:
		case rs.Down:
			d.say("service %s: the real server %s is down and gets no new connections", s.Name, rs)
		case rs.Weight == 0:
			d.say("service %s: the real server %s has weight 0 and gets no new connections", s.Name, rs)
		default:
			port := rs.Port
			if port == 0 {
				port = d.pkt.To.Port()
			}
			if to := netip.AddrPortFrom(rs.Addr, port); !slices.Contains(out, to) {
				out = append(out, to)
			}
		}
	}
	return out
}

// sorry lists the sorry servers of the packet's family; empty if there are none.
func (d *decider) sorry(s *Service) string {
	var out []string
	for _, rs := range s.SorryServers {
		if inet.FamilyOf(rs.Addr) == d.family && rs.Weight > 0 {
			out = append(out, rs.String())
		}
	}
	return strings.Join(out, " or ")
}

// empty is a service's answer where no real server can take the connection. With `pass` the
// packet goes on as if there were no service at all.
func (d *decider) empty(s *Service) bool {
	if s.OnEmpty == EmptyPass {
		d.Service, d.passed = "", true
		d.say("service %s: no %s real server takes connections: on_empty is pass, as if the service did not exist", s.Name, d.family)
		return false
	}
	verdict := map[OnEmpty]Action{EmptyReject: Reject, EmptyDrop: Drop}[s.OnEmpty]
	return d.end(verdict, "service %s: no %s real server takes connections: on_empty is %s", s.Name, d.family, s.OnEmpty)
}
