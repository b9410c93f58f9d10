package law

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// walk is one packet on its way through the hooks.
type walk struct {
	machine    *Machine
	dice       *choices
	entered    []Entry
	pkt        Packet         // as it came
	from, to   netip.AddrPort // as it is now
	family     inet.Family
	point      nft.Point // the hook
	typ        string    // of the base chain
	mark       uint32    // the flow's
	packetMark uint32    // as it is now
	dnat       bool      // the flow's status: the destination is another than it was
	priority   string    // of the packet, in wire form; empty: 0
	passedBy   bool      // conntrack never saw it
	answered   bool      // a SYN proxy took it
	out        Outcome
}

func (w *walk) run() {
	w.out.Verdict = policy.Accept
	w.packetMark = w.pkt.Mark
	defer func() { w.out.PacketMark, w.out.FlowMark = w.packetMark, w.mark }()
	switch {
	case w.pkt.Self:
		w.pass(nft.Output, nft.Postrouting)
		return
	case !w.pass(nft.Prerouting):
	case w.passedBy, w.pkt.Invalid && w.pkt.Proto == inet.TCP:
		w.stray()
	default:
		w.pass(nft.Forward, nft.Postrouting)
	}
}

// pass takes the packet through hooks, and tells whether it gets to their end.
func (w *walk) pass(points ...nft.Point) bool {
	for _, w.point = range points {
		for _, c := range w.machine.hooks[w.point] {
			w.typ = c.Hook.Type
			if w.typ == "nat" && (w.pkt.Invalid || w.passedBy) {
				continue // it has no flow that could be translated (nf_nat_inet_fn)
			}
			if w.typ == "nat" && !w.machine.tracks {
				w.out.Untracked = true // the packet has no flow, unless others on the machine want some (nf_nat_inet_fn)
				continue
			}
			if w.chain(c, 0).Kind == nft.Drop {
				if w.out.Verdict == policy.Accept {
					w.out.Verdict = policy.Drop
				}
				return false
			}
			if to := w.out.DNAT; w.typ == "nat" && to.IsValid() && (w.point == nft.Prerouting || w.point == nft.Output) {
				// The kernel sets the bit only if something changes (nf_nat_setup_info).
				w.dnat = to != w.to
				w.to = to
			}
		}
	}
	return true
}

// chain returns the verdict of a chain, and none where the packet falls off its end.
func (w *walk) chain(c *nft.Chain, depth int) nft.Verdict {
	if depth > deepest {
		fail("jumps nest deeper than %d at chain %s", deepest, c.Name)
	}
	if zone, ok := strings.CutPrefix(strings.TrimPrefix(c.Name, "refuse-"), "zone/"); ok {
		if zone, ok := strings.CutSuffix(zone, "/does"); ok {
			w.out.Zone = zone
		}
	}
	for _, r := range c.Rules {
		v := w.rule(r)
		switch v.Kind {
		case nft.NoVerdict:
		case nft.Return:
			return nft.Verdict{}
		case nft.Jump:
			if v := w.chain(w.target(v), depth+1); v.Kind != nft.NoVerdict {
				return v
			}
		case nft.Goto:
			return w.chain(w.target(v), depth)
		default:
			return v
		}
	}
	return nft.Verdict{}
}

func (w *walk) target(v nft.Verdict) *nft.Chain {
	c := w.machine.chains[v.Chain]
	switch {
	case c == nil:
		fail("there is no chain %s", v.Chain)
	case c.Hook != nil:
		fail("%s leads to a base chain", v)
	}
	return c
}

// rule returns a rule's verdict; none where a statement does not match.
func (w *walk) rule(r nft.Rule) nft.Verdict {
	for _, s := range r.Stmts {
		v, match := w.stmt(s)
		if !match {
			return nft.Verdict{}
		}
		if v.Kind != nft.NoVerdict {
			return v
		}
	}
	return nft.Verdict{}
}

// stmt carries out a statement, and tells whether the rule goes on behind it.
func (w *walk) stmt(s nft.Stmt) (v nft.Verdict, match bool) {
	accept, drop := nft.Verdict{Kind: nft.Accept}, nft.Verdict{Kind: nft.Drop}
	switch s := s.(type) {
	case nft.L4Is:
		return v, slices.Contains(s.Protos, w.pkt.Proto)
	case nft.FamilyIs:
		return v, s.Family == w.family
	case nft.SetMark:
		return v, w.setMark(s)
	case nft.DportIs:
		return v, w.pkt.Proto.HasPorts() && w.to.Port() == s.Port
	case nft.CtNew:
		return v, !w.pkt.Invalid && !w.passedBy
	case nft.CtEstablished:
		return v, false
	case nft.CtOriginal:
		return v, !w.pkt.Invalid && !w.passedBy
	case nft.CtInvalid:
		return v, w.pkt.Invalid
	case nft.Counter:
		return v, true
	case nft.TCPSyn, nft.CtStray, nft.NoTrack, nft.AnswerSyn:
		return w.synProxy(s)
	case nft.CtStatus:
		if w.pkt.Invalid || w.passedBy {
			return v, false // whatever is asked of the flow's status (nft_ct_get_eval)
		}
		switch s.Bit {
		case nft.Confirmed:
			return v, s.Not
		case nft.DNAT:
			return v, w.dnat != s.Not
		}
		fail("nobody knows the status bit of %s", s)
	case nft.FromSelf:
		return v, w.pkt.Self
	case nft.PriorityIs:
		return v, false // a health check: no packet of the law is one
	case nft.OIfIs:
		return v, nameIs(s.Name, w.oif())
	case nft.IIfIs:
		return v, nameIs(s.Name, w.iif())
	case nft.OIfIn:
		return v, w.nameIn(s.Set, w.oif())
	case nft.IIfIn:
		return v, w.nameIn(s.Set, w.iif())
	case nft.CountOver:
		return v, w.bound(s.Set, s.Key, true, fmt.Sprint(s.Over))
	case nft.RateOver:
		return v, w.bound(s.Set, s.Key, false, fmt.Sprintf("%d/%s burst %d", s.Rate, s.Unit, s.Burst))
	case nft.Hold:
		return v, w.hold(s)
	case nft.SetPriority:
		return v, w.setPriority(s)
	case nft.ClearPriority:
		w.priority = ""
		return v, true
	case nft.InSet:
		if t := w.set(s.Set); t.Data != nft.NoData {
			fail("%s: it is a map", s)
		} else if t.Dynamic {
			return v, w.bound(s.Set, s.Key, false, "")
		}
		_, found := w.find(s.Set, s.Key)
		return v, found
	case nft.Vmap:
		if t := w.set(s.Map); t.Data != nft.VerdictData {
			fail("%s: it is no verdict map", s)
		}
		el, found := w.find(s.Map, s.Key)
		if found {
			w.note(s.Map, el)
		}
		return el.Verdict, found
	case nft.Update:
		return v, w.update(s)
	case nft.NAT:
		return w.nat(s)
	case nft.Masq:
		if w.typ != "nat" || w.point != nft.Postrouting {
			fail("masquerade in hook %s of type %s", w.point, w.typ)
		}
		w.out.Masquerade = true
		return accept, true
	case nft.RejectTCPReset:
		if w.pkt.Proto != inet.TCP {
			fail("a TCP reset for %s", w.pkt.Proto)
		}
		w.reject()
		w.out.Reset = true
		return drop, true
	case nft.RejectPortUnreachable:
		w.reject()
		return drop, true
	case nft.TCPOpens:
		return v, w.pkt.Proto == inet.TCP && !w.pkt.Invalid // which is taken for one that opens nothing
	case nft.LowerMSS:
		w.out.MSS = policy.MSS(max(s.To, uint16(policy.MSSClamp)))
		return v, true
	case nft.Use:
		w.use(s)
		return v, true
	case nft.Give:
		return s.Verdict, true
	}
	fail("nobody knows the statement %T", s)
	return v, false
}

// reject is allowed in some hooks only (nft_reject_validate, nft_reject_inet_validate).
func (w *walk) reject() {
	if w.point == nft.Postrouting {
		fail("reject in hook postrouting")
	}
	w.out.Verdict = policy.Reject
}

func (w *walk) oif() string {
	if w.point == nft.Prerouting {
		return ""
	}
	return w.pkt.OIf
}

func (w *walk) iif() string {
	if w.pkt.Self {
		return ""
	}
	return w.pkt.IIf
}

func nameIs(pattern, name string) bool {
	if stem, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(name, stem)
	}
	return pattern == name
}

func (w *walk) nameIn(set, name string) bool {
	t := w.set(set)
	if len(t.Key) != 1 || t.Key[0] != nft.Ifname || t.Interval {
		fail("%s is no set of interfaces", set)
	}
	var wire nft.Wire
	return len(t.exact[wire.Ifname(name).Take()]) > 0
}

// note remembers whose element was hit.
func (w *walk) note(set string, el nft.Element) {
	name, _, _ := strings.Cut(el.Comment, ": ")
	base := strings.TrimRight(strings.SplitN(set, "/", 2)[0], "46")
	switch base {
	case "over":
		if w.out.Beyond = set[strings.LastIndexByte(set, '/')+1:]; strings.Contains(set, "/zones/") {
			w.out.Zone = name
		} else {
			w.out.Service = name
		}
	case "services", "permitted":
		w.out.Service, w.out.Passed = name, el.Verdict.Kind == nft.Accept
	case "zones", "own", "actions", "excludes", "mapped", "blocks", "rejects", "inbound", "does", "refuse-does", "laddrless":
		w.out.Zone = name
	}
}

// update enters an element into a dynamic map. What stands there already stays.
func (w *walk) update(s nft.Update) bool {
	t := w.set(s.Map)
	if !t.Dynamic {
		fail("%s: the map is not dynamic", s)
	}
	key, ok := w.key(t.Set, s.Key)
	if !ok {
		return false
	}
	data, ok := w.values(t.Data.Members(), s.Data, s.Map)
	if !ok {
		return false
	}
	if key.slots > 0 {
		fail("%s: the key depends on chance", s)
	}
	w.out.Entered = append(w.out.Entered, Entry{s.Map, key.bytes, data})
	return true
}

// nat translates. It ends the walk through the base chain (nft_nat_eval).
func (w *walk) nat(s nft.NAT) (v nft.Verdict, match bool) {
	t := w.set(s.Map)
	if t.Data != s.Data {
		fail("%s: the map holds other data", s)
	}
	el, how, found := w.choose(s.Map, s.Key)
	if !found {
		return v, false
	}
	if s.Family() != w.family {
		return v, true // nft_nat_inet_eval goes on
	}
	if before := w.point != nft.Postrouting; w.typ != "nat" || s.Source == before || w.point == nft.Forward {
		fail("%s in hook %s of type %s", s, w.point, w.typ)
	}
	w.note(s.Map, el)
	addrs, ports := w.target4(s, el.Data)
	if !ports.IsZero() && !w.pkt.Proto.HasPorts() {
		fail("%s binds ports of %s", s, w.pkt.Proto)
	}
	if s.Prefix {
		now := w.to
		if s.Source {
			now = w.from
		}
		addrs = inet.AddrRange(netmap(addrs, now.Addr()))
	}
	if s.Source {
		w.out.SNAT, w.out.SNATPorts, w.out.Random, w.out.Persistent, w.out.FromBy = addrs, ports, s.Random, s.Persistent, how
		return nft.Verdict{Kind: nft.Accept}, true
	}
	port := w.to.Port()
	if !ports.IsZero() {
		port = ports.First
	}
	if addrs.From != addrs.To || !ports.IsZero() && !ports.Single() {
		fail("%s gives a range", s)
	}
	w.out.DNAT, w.out.ToBy = netip.AddrPortFrom(addrs.From, port), how
	return nft.Verdict{Kind: nft.Accept}, true
}

// target4 reads the addresses and ports that a map gives.
func (w *walk) target4(s nft.NAT, data string) (addrs inet.Range, ports inet.PortRange) {
	if len(data) != s.Data.Width() {
		fail("%s: the map gives %d bytes, want %d", s, len(data), s.Data.Width())
	}
	read := func(b string) (netip.Addr, uint16) {
		n := s.Data.Members()[0].Width()
		a, _ := netip.AddrFromSlice([]byte(b[:n]))
		if len(b) == n {
			return a, 0
		}
		return a, binary.BigEndian.Uint16([]byte(b[n:]))
	}
	last := data
	if s.Data.IsInterval() {
		data, last = data[:len(data)/2], data[len(data)/2:]
	}
	addrs.From, ports.First = read(data)
	addrs.To, ports.Last = read(last)
	if addrs.To.Less(addrs.From) || ports.Last < ports.First {
		fail("%s: the map gives %s:%s", s, addrs, ports)
	}
	if !s.Ports.IsZero() {
		ports = s.Ports
	}
	return addrs, ports
}

// netmap puts the host part of an address behind the prefix that a range is
// (nft_nat_setup_netmap).
func netmap(prefix inet.Range, a netip.Addr) netip.Addr {
	from, to, host := prefix.From.AsSlice(), prefix.To.AsSlice(), a.AsSlice()
	for i := range host {
		mask := ^(from[i] ^ to[i])
		host[i] = host[i]&^mask | from[i]&mask
	}
	out, _ := netip.AddrFromSlice(host)
	return out
}
