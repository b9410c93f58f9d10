// Package routelink is the kernel's routing: by which interfaces flows leave, and what of package
// route a host has: it reads what is ours, carries out plans, and tells neighbours of new
// addresses. It works in the network namespace of the thread that calls.
package routelink

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/route"
)

// Ways answers by which interfaces flows leave now, for the network namespace of the thread that
// asks first (ct.Ways). What it has found out it keeps: for each look at the flows make one
// anew. The kernel decides, once for all pairs of addresses that no rule or route tells apart,
// so that it is asked some dozen times however many flows there are. It is not safe for
// concurrent use; the zero value is ready.
type Ways struct {
	conn   *netlink.Handle
	socket *nl.SocketHandle // for what the library's handle cannot ask
	tried  bool
	err    error
	v4     routing
	v6     routing
	known  map[pair][]string
	from   map[netip.Addr]int // where packets from sources come in: an interface's index, 0 where it is not known
	names  map[int]string
	// toward are interfaces by which the gateway's own packets may leave, by the first address of those that routing
	// does not tell apart.
	toward map[netip.Addr][]string
}

// pair is a client and whom its packets go to, or the first addresses of those that routing
// does not tell from them, and the mark by which rules of ours lead its packets.
type pair struct {
	from, to netip.Addr
	mark     uint32
}

// Close gives back what was opened.
func (w *Ways) Close() {
	if w.conn != nil {
		w.conn.Close()
	}
	if w.socket != nil {
		w.socket.Close()
	}
}

// Err says why no way is known, if the kernel's rules and routes could not be read.
func (w *Ways) Err() error { return w.err }

// Of returns the interfaces by which packets of the flow's first direction may leave: those of
// all next hops that are not dead, and for each mark that a rule asks for, since the packets'
// marks are not known. nil: there is no way, the rules ask for what flows don't tell, or an
// error is kept for Err.
func (w *Ways) Of(f *ct.Flow) []string {
	to := f.Reply.Src.Addr() // where a translation of the destination leads
	if !w.open() || !to.IsValid() || to.IsMulticast() {
		return nil
	}
	r := &w.v4
	if to.Is6() {
		r = &w.v6
	}
	p := pair{from: r.first(f.Orig.Src.Addr()), to: r.first(to)}
	if r.ours {
		p.mark = route.Toward(f.Mark)
	}
	out, asked := w.known[p]
	if !asked && !r.blind {
		out = w.ask(r, f.Orig.Src.Addr(), to, p)
		w.known[p] = out
	}
	return out
}

// open reads rules and routes on first use.
func (w *Ways) open() bool {
	if w.tried {
		return w.err == nil
	}
	w.tried = true
	w.known, w.from, w.names, w.toward = make(map[pair][]string), make(map[netip.Addr]int), make(map[int]string), make(map[netip.Addr][]string)
	if w.conn, w.err = netlink.NewHandle(unix.NETLINK_ROUTE); w.err == nil {
		w.err = w.connect()
	}
	if w.err != nil {
		return false
	}
	for family, r := range map[int]*routing{netlink.FAMILY_V4: &w.v4, netlink.FAMILY_V6: &w.v6} {
		if err := r.read(w.conn, family); err != nil {
			w.err = fmt.Errorf("ask for the way of flows: %w", err)
			return false
		}
	}
	return true
}

// ask asks the kernel. Between addresses that it cannot lead from one to the other there is no way.
func (w *Ways) ask(r *routing, from, to netip.Addr, p pair) []string {
	var out []string
	for _, mark := range r.marks {
		kind, hops, err := w.lookup(packet{from, to, w.enters(from, p.from), mark | p.mark})
		if err != nil || kind != unix.RTN_UNICAST {
			return nil
		}
		for _, hop := range alive(hops) {
			name := w.name(hop.index)
			if name == "" {
				return nil
			}
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// enters returns by which interface packets from a source come in: by that which answers leave
// through. Rules may ask for it.
func (w *Ways) enters(from, source netip.Addr) int {
	index, asked := w.from[source]
	if !asked {
		if _, hops, err := w.lookup(packet{to: from}); err == nil {
			if hops = alive(hops); len(hops) > 0 {
				index = hops[0].index
			}
		}
		w.from[source] = index
	}
	return index
}

// alive returns the next hops whose links are up.
func alive(hops []nextHop) []nextHop {
	return slices.DeleteFunc(hops, func(h nextHop) bool { return h.dead })
}

// name returns an interface's name; "" if there is none.
func (w *Ways) name(index int) string {
	name, ok := w.names[index]
	if !ok {
		if l, err := w.conn.LinkByIndex(index); err == nil {
			name = l.Attrs().Name
		}
		w.names[index] = name
	}
	return name
}
