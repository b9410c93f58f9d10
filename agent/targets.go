package agent

import (
	"net/netip"

	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// targets says what is to be checked, and what is known of it before its first check.
func (a *Agent) targets(p *policy.Policy) (out []health.Target) {
	checks := map[*policy.HealthCheck]*health.Check{} // services may share one
	for i := range p.Services {
		s := &p.Services[i]
		if s.HealthCheck == nil {
			continue
		}
		c := checks[s.HealthCheck]
		if c == nil {
			c = checkOf(s.HealthCheck)
			checks[s.HealthCheck] = c
		}
		proto, port := calledAt(s, s.HealthCheck.Type)
		for _, rs := range s.RealServers {
			t := health.Target{ID: health.ID{Service: s.Name, Server: rs.Key()}, To: rs.Key(), Proto: proto, Check: c}
			if rs.Port == 0 {
				t.To = netip.AddrPortFrom(rs.Addr, port)
			}
			if t.Addr().Port() == 0 && s.HealthCheck.Type.Uses("port") && s.HealthCheck.Type != policy.CheckExec {
				continue // a service of all ports, and the check names none
			}
			if a.known[t.ID].Down {
				t.Start = health.Down
			}
			out = append(out, t)
		}
	}
	return out
}

// calledAt is the port that clients of a service call, the first one whose protocol a check speaks,
// else the first of all; 0: any.
func calledAt(s *policy.Service, check policy.CheckType) (inet.Proto, uint16) {
	speaks := inet.TCP
	if check == policy.CheckUDP || check == policy.CheckDNS {
		speaks = inet.UDP
	}
	for _, p := range s.Ports {
		if p.Proto == speaks {
			return p.Proto, p.Ports.First
		}
	}
	if len(s.Ports) == 0 {
		return speaks, 0
	}
	return s.Ports[0].Proto, s.Ports[0].Ports.First
}

// checkOf is a check of a policy as the scheduler knows it.
func checkOf(c *policy.HealthCheck) *health.Check {
	out := &health.Check{
		Type: string(c.Type), Port: c.Port, Interval: c.Interval, Timeout: c.Timeout, Rise: c.Rise, Fall: c.Fall,
		Send: c.Send, Expect: c.Expect,
		Method: c.Method, Path: c.Path, Host: c.Host, Body: c.Body, SNI: c.SNI, Verify: c.Verify, CA: c.CA,
		Query: c.Query, Record: c.Record, Answer: c.Answer, Rcode: c.Rcode,
		Command: c.Command,
	}
	for _, r := range c.Status {
		out.Status = append(out.Status, health.StatusRange{First: r.First, Last: r.Last})
	}
	return out
}
