package policy

import "github.com/snatctl/snatctl/inet"

// answers tells whether the service's SYN proxy answers handshakes of the packet's family: while no
// real server can take a connection, it does not.
func (d *decider) answers(s *Service) bool {
	return s.SynProxy.On && d.pkt.Proto == inet.TCP && !d.pkt.Self && len(s.Active(d.family)) > 0
}

// proxied tells whether the service that the packet calls answers its handshake. Then the connection has no uplink:
// the gateway opens it itself, and what it says to the client belongs to no flow that could remember one.
func (d *decider) proxied() bool {
	s, _, _ := d.claimant()
	return s != nil && d.answers(s)
}

// synProxy says who answers the handshake. It changes nothing else of what becomes of the connection.
func (d *decider) synProxy(s *Service) {
	switch {
	case !d.answers(s):
	case len(d.policy.Gateway.Routed) > 0:
		d.say("service %s: `syn_proxy` answers the handshake by the routes of the host, whatever uplinks say; what follows is decided when the client has completed it", s.Name)
	default:
		d.say("service %s: `syn_proxy` answers the handshake; what follows is decided when the client has completed it", s.Name)
	}
}

// strayHandshake lets a SYN proxy decide about a packet that belongs to no connection. If it returns
// a cookie it opens one; it is taken for one that does not.
func (d *decider) strayHandshake() bool {
	if !d.policy.ProxiesSyn() {
		return false
	}
	s := d.service()
	return s != nil && d.answers(s) && d.end(Drop, "service %s: `syn_proxy` drops packets that belong to no connection and return no cookie", s.Name)
}
