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
		server netip.AddrPort // port 0: any
	}
	var sorry map[pair]bool
	for i := range w.Policy.Services {
		s := &w.Policy.Services[i]
		for _, rs := range s.SorryServers {
			for _, vip := range s.VIP {
				if sorry == nil {
					sorry = make(map[pair]bool)
				}
				sorry[pair{vip, rs.Key()}] = true
			}
		}
	}
	if sorry == nil {
		return ct.Contradicts
	}
	return func(was, will *ct.Index, f *ct.Flow) (ct.Reason, bool) {
		vip, server := f.Orig.Dst.Addr(), f.Reply.Src
		if sorry[pair{vip, server}] || sorry[pair{vip, netip.AddrPortFrom(server.Addr(), 0)}] {
			return ct.Reason{}, false
		}
		return ct.Contradicts(was, will, f)
	}
}
