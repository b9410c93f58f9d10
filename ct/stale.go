package ct

import (
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Reason says why a flow contradicts a policy.
type Reason struct {
	Kind string // "service" or "zone"
	Name string // of the service or zone that made the flow, or that has its place now
	Why  string // a sentence without a subject: "real server 192.168.1.1:80 is no longer listed"
	// Server is the real server that is no longer listed; the zero value if Why is something else.
	Server netip.AddrPort
}

// String returns "service web: real server 192.168.1.1:80 is no longer listed".
func (r Reason) String() string { return r.Kind + " " + r.Name + ": " + r.Why }

// Contradicts tells whether a flow contradicts the policy of will (it is stale), and why. was is the
// policy before it; nil if there was none. A flow is stale if
//
//   - a service sent it to a real server that the service with this front no longer lists
//     (weight 0 is listed), or no service has the front any more; the same for 1:1 maps;
//   - the service or zone that decides about it now would not give it its laddr. A pool's
//     laddrs of weight 0 belong to it; ports, exclude, allow and deny don't count. Zones that
//     drop or reject refuse first packets only: if one is added in front, flows are kept as
//     long as the zone that made them has their laddr. If will knows Ways, zones with oif
//     give a laddr only to flows that leave there: a flow that routing now leads elsewhere is
//     stale, even if the policy has not changed. So is one whose laddr its zone has for
//     another uplink.
//
// A flow that snatctl did not translate is never stale. snatctl translated it if was explains
// the translation, if it is at a front (or in a map) of was, or if it has a laddr of was that
// is not an address of this host, with which others masquerade. So nothing is stale if there
// was no policy, and a new front or laddr takes over from other rules without ending their
// flows. If zones have interfaces as conditions, any of them that matches may have decided. A
// related flow is judged by its master.
//
// It does not look at conntrack zones (Flow.Zoned). Whoever sets these may translate there in a
// way that looks like snatctl's, so such flows end only on request: the caller decides.
func Contradicts(was, will *Index, f *Flow) (Reason, bool) { return contradicts(was, will, f, false) }

// Refused is Contradicts, but also true for a flow whose source a zone now refuses, even if the
// zone that made it still has its laddr.
func Refused(was, will *Index, f *Flow) (Reason, bool) { return contradicts(was, will, f, true) }

func contradicts(was, will *Index, f *Flow, refused bool) (Reason, bool) {
	if was == nil {
		return Reason{}, false
	}
	if will == nil {
		will = &Index{}
	}
	if f.related() {
		m, ok := f.master()
		if !ok {
			return Reason{}, false
		}
		f = &m
	}
	c := will.match(f)
	if c.oddDst {
		if r, ok := staleDst(was, will, f, c); ok {
			return r, true
		}
	}
	switch {
	case !f.hasLaddr() || c.sure:
		return Reason{}, false
	case c.service >= 0 || c.mapped:
		if !c.oddSrc || !madeLaddr(was, will, f) {
			return Reason{}, false
		}
		if c.service >= 0 && was.hairpinned(f) {
			return will.reason(c, "its hairpin no longer holds "+f.Orig.Src.Addr().String()), true
		}
		return will.reason(c, "laddr "+f.Reply.Dst.Addr().String()+" is no longer one of its laddrs"), true
	case will.isLocal(f.Orig.Src.Addr()) || will.wouldTranslate(f) || !madeLaddr(was, will, f) || !refused && refusedSince(was, will, f):
		return Reason{}, false
	}
	return staleSrc(was, will, f), true
}

// hairpinned tells whether the flow has its laddr by the hairpin of a service.
func (x *Index) hairpinned(f *Flow) bool {
	had := x.match(f)
	return had.service >= 0 && x.hairpins(had.service, f)
}

// refusedSince tells whether a zone that refuses new connections comes before the one
// that made the flow, and still has its laddr. Where was has the refusing zone already,
// nothing tells which zone made it: any that has the laddr may have.
func refusedSince(was, will *Index, f *Flow) bool {
	now := will.decider(f, will.wayOf(f))
	if now < 0 || !will.bindings.Zones[now].refuses() {
		return false
	}
	had := was.match(f)
	if had.oddSrc || had.zone < 0 {
		return search(will.laddrs, f.Reply.Dst.Addr()) >= 0
	}
	z := will.zone(was.bindings.Zones[had.zone].Name)
	if z == nil {
		return false
	}
	_, ok := will.translates(z, f)
	return ok && !z.strayed(will.wayFor(z, f)) // it need not hold the flow's source any more
}

func (z *Zone) refuses() bool { return z.Action == "drop" || z.Action == "reject" }

// staleDst is about a destination that the new policy does not translate so.
func staleDst(was, will *Index, f *Flow, c match) (Reason, bool) {
	had := was.match(f)
	if had.service < 0 && !had.mapped {
		return Reason{}, false
	}
	at := address(f.Orig.Proto, f.Orig.Dst)
	switch {
	case c.service >= 0:
		server := f.Reply.Src
		if had.server >= 0 {
			server = was.listed(had, f.Orig.Dst.Port())
		}
		r := will.reason(c, "real server "+server.String()+" is no longer listed")
		r.Server = server
		return r, true
	case c.mapped:
		return will.reason(c, "no longer maps "+at+" to "+f.Reply.Src.Addr().String()), true
	case had.mapped:
		return was.reason(had, "no longer maps "+at), true
	case will.hasService(was.bindings.Services[had.service].Name):
		return was.reason(had, "no longer takes "+had.place(f)), true
	}
	return was.reason(had, "is no longer there"), true
}

// madeLaddr tells whether the flow's laddr is snatctl's work.
func madeLaddr(was, will *Index, f *Flow) bool {
	laddr := f.Reply.Dst.Addr()
	if search(was.laddrs, laddr) >= 0 && !will.isLocal(laddr) {
		return true
	}
	had := was.match(f)
	return !had.oddSrc && (had.service >= 0 || had.zone >= 0)
}

// staleSrc says why no zone gives the flow its laddr any more.
func staleSrc(was, will *Index, f *Flow) Reason {
	laddr, source := f.Reply.Dst.Addr().String(), f.Orig.Src.Addr().String()
	out := will.wayOf(f)
	now := will.decider(f, out)
	had := was.match(f)
	if had.oddSrc || had.zone < 0 {
		if now >= 0 {
			z := &will.bindings.Zones[now]
			r := Reason{Kind: "zone", Name: z.Name, Why: "does not have laddr " + laddr}
			if z.refuses() {
				r.Why = z.Action + "s what comes from " + source
			}
			return r
		}
		if kind, name := will.holder(f.Reply.Dst.Addr()); kind != "" {
			return Reason{Kind: kind, Name: name, Why: "has laddr " + laddr + ", but does not hold source " + source}
		}
		kind, name := was.holder(f.Reply.Dst.Addr())
		return Reason{Kind: kind, Name: name, Why: "laddr " + laddr + " is no longer one of its laddrs"}
	}
	z := &was.bindings.Zones[had.zone]
	r := Reason{Kind: "zone", Name: z.Name}
	w := will.zone(z.Name)
	switch {
	case w != nil && w.strayed(out):
		r.Why = "leaves through " + strings.Join(out, " or ") + " now"
		if now >= 0 {
			r.Why += ", where zone " + will.bindings.Zones[now].Name + " decides"
		}
	case now >= 0 && will.bindings.Zones[now].Name != z.Name && len(will.bindings.Zones[now].OIf) > 0:
		r.Why = "zone " + will.bindings.Zones[now].Name + " decides about source " + source + " through " + strings.Join(out, " or ") + " now"
	case now >= 0 && will.bindings.Zones[now].Name == z.Name && will.bindings.Zones[now].Action != z.Action:
		r.Why = "its action is " + will.bindings.Zones[now].Action + " now"
	case w != nil && poolWith(w.Pools, f.Reply.Dst.Addr()) != nil && !will.through(w, f):
		r.Why = "laddr " + laddr + " is not for what leaves through " + strings.Join(will.wayFor(w, f), " or ")
	case now >= 0 && will.bindings.Zones[now].Name == z.Name:
		r.Why = "laddr " + laddr + " is no longer one of its laddrs"
	case now >= 0:
		r.Why = "zone " + will.bindings.Zones[now].Name + " decides about source " + source + " now"
	case w != nil:
		r.Why = "no longer matches what comes from " + source
	default:
		r.Why = "is no longer there"
	}
	return r
}

// reason names the service or zone of a match.
func (x *Index) reason(c match, why string) Reason {
	if c.service >= 0 {
		return Reason{Kind: "service", Name: x.bindings.Services[c.service].Name, Why: why}
	}
	return Reason{Kind: "zone", Name: x.bindings.Zones[c.zone].Name, Why: why}
}

// holder names who has a laddr.
func (x *Index) holder(laddr netip.Addr) (kind, name string) {
	i := int(search(x.laddrs, laddr))
	switch zones := len(x.bindings.Zones); {
	case i < 0:
		return "", ""
	case i < zones:
		return "zone", x.bindings.Zones[i].Name
	default:
		return "service", x.bindings.Services[i-zones].Name
	}
}

// address returns where a packet goes, with the port if there is one.
func address(p inet.Proto, a netip.AddrPort) string {
	if p.HasPorts() {
		return a.String()
	}
	return a.Addr().String()
}
