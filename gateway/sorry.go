package gateway

import (
	"net/netip"

	"github.com/snatctl/snatctl/ct"
)

// stale judges flows by the policy. A table has sorry servers only while they are in use, but the
// policy lists them, so flows that they got then do not contradict it.
func (w *Wanted) stale() verdict {
	type pair struct {
		vip    netip.Addr
		mark   uint32         // in place of vip
		server netip.AddrPort // port 0: any
	}
	var sorry map[pair]bool
	for i := range w.Policy.Services {
		s := &w.Policy.Services[i]
		for _, rs := range s.SorryServers {
			if sorry == nil {
				sorry = make(map[pair]bool)
			}
			for _, vip := range s.VIP {
				sorry[pair{vip: vip, server: rs.Key()}] = true
			}
			if s.ByMark() {
				sorry[pair{mark: s.Mark, server: rs.Key()}] = true
			}
		}
	}
	if sorry == nil {
		return ct.Contradicts
	}
	return func(was, will *ct.Index, f *ct.Flow) (ct.Reason, bool) {
		server := f.Reply.Src
		for _, at := range []pair{{vip: f.Orig.Dst.Addr()}, {mark: f.Mark & ct.MarkBits}} {
			for _, at.server = range []netip.AddrPort{server, netip.AddrPortFrom(server.Addr(), 0)} {
				if sorry[at] {
					return ct.Reason{}, false
				}
			}
		}
		return ct.Contradicts(was, will, f)
	}
}
