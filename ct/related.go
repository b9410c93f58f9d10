package ct

import "net/netip"

// A helper of conntrack (FTP, SIP, …) reads what a connection says and expects others. These
// are related to it, their master, and are translated as it asks for, by no rule: a service
// has no front where they come in, and none of a zone's laddrs need be their source. They belong
// to whom their master belongs, and stay as long as it would.

// related tells whether the flow was expected by another one's helper.
func (f *Flow) related() bool { return f.Status&Expected != 0 || f.Master.Src.IsValid() }

// master returns the flow's master as far as the two tell: who called whom is known, how that
// was translated shows in the flow, which goes from one of the master's ends to the other. The
// port of the real server does not show: it is 0. False where the master is not known, or the
// flow is between others than its ends, as a call's voice may be.
func (f *Flow) master() (m Flow, ok bool) {
	m.Orig = f.Master
	m.CTZone, m.ReplyCTZone = f.CTZone, f.ReplyCTZone
	client, called := f.Master.Src.Addr(), f.Master.Dst.Addr()
	server, source := called, client
	switch {
	case !f.Master.Src.IsValid():
		return m, false
	case f.Orig.Src.Addr() == client:
		source = f.Reply.Dst.Addr()
		if f.Orig.Dst.Addr() == called {
			server = f.Reply.Src.Addr()
		}
	case f.Reply.Src.Addr() == client:
		source = f.Orig.Dst.Addr()
		if f.Reply.Dst.Addr() == called {
			server = f.Orig.Src.Addr()
		}
	default:
		return m, false
	}
	m.Reply = Tuple{Proto: f.Master.Proto, Src: f.Master.Dst, Dst: netip.AddrPortFrom(source, f.Master.Src.Port())}
	if server != called {
		m.Reply.Src = netip.AddrPortFrom(server, 0)
	}
	return m, true
}

// ofMaster returns whom the master of a related flow belongs to; false: to nobody, or it is
// not known.
func (x *Index) ofMaster(f *Flow) (Owner, bool) {
	m, ok := f.master()
	if !ok {
		return Owner{}, false
	}
	o := x.owner(&m)
	switch c := o.match; {
	case c.service >= 0 && c.server >= 0:
		o.Server = x.listed(c, m.Orig.Dst.Port())
	case c.service >= 0 && f.Orig.Src.Addr() == o.Server.Addr(): // that port of a gone one is known
		o.Server = f.Orig.Src
	case c.service >= 0:
		o.Server = f.Reply.Src
	}
	return o, o.match.service >= 0 || o.match.zone >= 0
}

// listed returns the match's real server as its service lists it, at the port that it takes
// connections at that were made to another one.
func (x *Index) listed(c match, called uint16) netip.AddrPort {
	rs := &x.bindings.Services[c.service].Servers[c.server]
	if rs.Port != 0 {
		called = rs.Port
	}
	return netip.AddrPortFrom(rs.Addr, called)
}

// serverAt returns the first real server of service s at an address, or none.
func (x *Index) serverAt(s int32, at netip.Addr) int32 {
	for i := range x.bindings.Services[s].Servers {
		if x.bindings.Services[s].Servers[i].Addr.Unmap() == at.Unmap() {
			return int32(i)
		}
	}
	return none
}
