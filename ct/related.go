package ct

import "net/netip"

// A helper of conntrack (FTP, SIP, …) reads the data of a connection, the master, and expects
// other connections, which are related to it. These are translated as the master asks, not by a
// rule: no service has a front where they come in, and their source need not be a zone's laddr.
// They belong to the same zone or service as their master, and are kept as long as it would be.

// related tells whether the flow was expected by another one's helper.
func (f *Flow) related() bool { return f.Status&Expected != 0 || f.Master.Src.IsValid() }

// master returns as much of the flow's master as the two tell: caller and called are known, and
// the flow, which goes between the same two ends, shows how the master was translated. It does
// not show the port of the real server, which is 0 here. False if the master is not known, or if
// the flow goes between other hosts, as the voice of a call may.
func (f *Flow) master() (m Flow, ok bool) {
	m.Orig = f.Master
	m.CTZone, m.ReplyCTZone = f.CTZone, f.ReplyCTZone
	m.Mark = f.Mark // which it has of its master (nf_conntrack_core.c, init_conntrack)
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

// ofMaster returns the owner of a related flow's master; false if it has none, or if the master
// is not known.
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
