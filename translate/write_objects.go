package translate

import (
	"cmp"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// gateway writes what differs from the defaults; nil where nothing does.
func (d *document) gateway(s *Setup) *format.Mapping {
	g := &s.Gateway
	m, was := new(format.Mapping), policy.DefaultGateway()
	some := false
	if len(s.Uplinks) > 0 {
		some = true
		m.Set("uplinks", d.writeUplinks(s.Uplinks))
	}
	if g.Unmatched != was.Unmatched {
		some = true
		m.Set("unmatched", format.Text(string(g.Unmatched)))
	}
	if g.Invalid != was.Invalid {
		some = true
		m.Set("invalid", format.Text(string(g.Invalid)))
	}
	if g.Timeouts != nil {
		some = true
		m.Set("timeouts", writeTimeouts(g.Timeouts))
	}
	if !some {
		return nil
	}
	return m
}

// writePool writes a pool: a list of laddrs, or a mapping where there is more to say.
func (d *document) writePool(p *Pool) format.Value {
	list := new(format.List)
	for i, l := range p.Laddrs {
		var v format.Value = format.Text(rangeText(l.Range))
		if l.Weight != policy.DefaultLaddrWeight {
			m := new(format.Mapping).InBrackets()
			m.Set("address", v)
			m.Set("weight", format.Number(l.Weight))
			v = m
		}
		e := list.Add(v)
		if p.each() {
			e.Behind(d.place(p.Origins[i]))
		}
	}
	if p.Ports.IsZero() && !p.Random && p.Block == 0 {
		return list
	}
	m := new(format.Mapping)
	m.Set("addresses", list)
	if !p.Ports.IsZero() {
		m.Set("ports", format.Text(p.Ports.String()))
	}
	if p.Random {
		m.Set("random", format.Truth(true))
	}
	if p.Block != 0 {
		m.Set("block", format.Number(p.Block))
	}
	return m
}

// zone writes a zone.
func (d *document) zone(z *Zone, given names) *format.Mapping {
	m := new(format.Mapping)
	m.Set("name", format.Text(given.give(cmp.Or(z.Name, zoneName(&z.Zone)))))
	m.Set("from", ranges(z.From))
	if len(z.To) > 0 {
		m.Set("to", ranges(z.To))
	}
	if len(z.Ports) > 0 {
		m.Set("ports", ports(z.Ports))
	}
	if len(z.IIf) > 0 {
		m.Set("iif", format.Texts(z.IIf...))
	}
	if len(z.OIf) > 0 {
		m.Set("oif", format.Texts(z.OIf...))
	}
	if z.Uplink.Written() {
		m.Set("uplink", format.Texts(z.Uplink.Names...))
	}
	if z.Pool != nil {
		m.Set("laddrs", format.Text(d.pools.named[z.Pool.key()]))
		if z.Select != policy.SelectSource {
			m.Set("select", format.Text(string(z.Select)))
		}
	} else if z.Action != "" {
		m.Set("action", format.Text(string(z.Action)))
	}
	if len(z.Exclude) > 0 {
		m.Set("exclude", ranges(z.Exclude))
	}
	return m
}

// service writes a service.
func (d *document) service(s *Service, given names) *format.Mapping {
	m := new(format.Mapping)
	m.Set("name", format.Text(given.give(cmp.Or(s.Name, serviceName(&s.Service)))))
	if s.ByMark() {
		m.Set("mark", format.Number(int(s.Mark)))
	} else {
		vips := make([]string, len(s.VIP))
		for i, a := range s.VIP {
			vips[i] = a.String()
		}
		m.Set("vip", format.Texts(vips...))
		m.Set("ports", ports(s.Ports))
	}
	m.Set("mode", format.Text(string(s.Mode)))
	m.Set("scheduler", format.Text(string(s.Scheduler)))
	if s.Persistence.Timeout > 0 {
		m.Set("persistence", writePersistence(s.Persistence))
	}
	if len(s.Allow) > 0 {
		m.Set("allow", ranges(s.Allow))
	}
	if len(s.Deny) > 0 {
		m.Set("deny", ranges(s.Deny))
	}
	switch {
	case s.Hairpin.Servers:
		m.Set("hairpin", format.Truth(true))
	case len(s.Hairpin.From) > 0:
		m.Set("hairpin", ranges(s.Hairpin.From))
	}
	if s.SynProxy.On {
		m.Set("syn_proxy", writeSynProxy(s.SynProxy))
	}
	if s.Pool != nil {
		m.Set("laddrs", format.Text(d.pools.named[s.Pool.key()]))
		if s.Select != policy.SelectSource {
			m.Set("select", format.Text(string(s.Select)))
		}
	}
	if s.TellsClients() {
		m.Set("client_address", format.Text(string(s.ClientAddress)))
	}
	if len(s.Servers) > 0 {
		m.Set("real_servers", d.writeServers(s.Servers))
	}
	if s.OnEmpty != policy.EmptyReject {
		m.Set("on_empty", format.Text(string(s.OnEmpty)))
	}
	if s.Limits.Any() {
		m.Set("limits", writeLimits(&s.Limits))
	}
	d.health(s, m)
	if s.Timeouts != nil {
		m.Set("timeouts", writeTimeouts(s.Timeouts))
	}
	if len(s.Helpers) > 0 {
		m.Set("helpers", writeHelpers(s.Helpers))
	}
	return m
}

// writeServers writes real servers, each with the line that it comes from.
func (d *document) writeServers(servers []Server) *format.List {
	list := new(format.List)
	for _, s := range servers {
		var v format.Value
		if s.Weight == policy.DefaultWeight {
			v = format.Text(s.RealServer.String())
		} else {
			m := new(format.Mapping).InBrackets()
			m.Set("address", format.Text(s.Addr.String()))
			if s.Port != 0 {
				m.Set("port", format.Number(int(s.Port)))
			}
			m.Set("weight", format.Number(s.Weight))
			v = m
		}
		list.Add(v).Behind(d.place(s.Origin))
	}
	return list
}

func writePersistence(p policy.Persistence) format.Value {
	was := policy.DefaultPersistence()
	if p.Mask4 == was.Mask4 && p.Mask6 == was.Mask6 {
		return format.Text(seconds(p.Timeout))
	}
	m := new(format.Mapping).InBrackets()
	m.Set("timeout", format.Text(seconds(p.Timeout)))
	if p.Mask4 != was.Mask4 {
		m.Set("mask4", format.Number(p.Mask4))
	}
	if p.Mask6 != was.Mask6 {
		m.Set("mask6", format.Number(p.Mask6))
	}
	return m
}
