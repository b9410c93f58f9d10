package law

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Machine carries out a ruleset the way the kernel does, on the first packet of a
// connection. Where the kernel chooses (numgen, jhash), it takes every choice in turn. It is
// not safe for concurrent use.
type Machine struct {
	chains map[string]*nft.Chain
	sets   map[string]*lookup
	hooks  map[string][]*nft.Chain // base chains by hook, in the order of their priorities
	tracks bool                    // a rule makes the kernel switch connection tracking on
}

// Outcome is one thing that can become of a packet.
type Outcome struct {
	Verdict policy.Action  // Accept, Drop or Reject
	Reset   bool           // of Reject: answered by a TCP reset
	DNAT    netip.AddrPort // zero: untranslated

	SNAT       inet.Range     // the kernel's choice lies in it; zero: untranslated, unless Masquerade
	SNATPorts  inet.PortRange // source ports that SNAT may use; zero: the kernel's choice
	Masquerade bool
	Random     bool // fully-random
	Persistent bool // the source alone chooses in the range

	ToBy, FromBy Choice // how they were chosen

	Untracked bool // chains of type nat were not asked: the kernel tracks no flows

	Service string  // the service whose element was hit
	Passed  bool    // that element accepted: the service lets pass what it cannot place
	Zone    string  // the zone that did something last
	Entered []Entry // what the packet entered into dynamic maps
}

// Entry is an element that a rule entered into a dynamic map.
type Entry struct{ Map, Key, Data string }

// NewMachine returns a machine that carries out a ruleset, which must not change any more.
func NewMachine(r *nft.Ruleset) (*Machine, error) {
	m := &Machine{chains: make(map[string]*nft.Chain), sets: make(map[string]*lookup), hooks: make(map[string][]*nft.Chain)}
	for _, c := range r.Chains {
		if m.chains[c.Name] != nil {
			return nil, fmt.Errorf("two chains are called %s", c.Name)
		}
		m.chains[c.Name] = c
		if c.Hook != nil {
			m.hooks[c.Hook.Point] = append(m.hooks[c.Hook.Point], c)
		}
	}
	for _, base := range m.hooks {
		slices.SortStableFunc(base, func(a, b *nft.Chain) int { return cmp.Compare(a.Hook.Priority, b.Hook.Priority) })
	}
	m.tracks = tracks(r)
	for _, s := range r.Sets {
		if m.sets[s.Name] != nil {
			return nil, fmt.Errorf("two sets are called %s", s.Name)
		}
		t, err := newLookup(s)
		if err != nil {
			return nil, err
		}
		m.sets[s.Name] = t
	}
	return m, m.validate()
}

// Run returns all that can become of a packet, with what earlier packets have entered into
// dynamic maps. An error says that the kernel would refuse or misread the ruleset.
func (m *Machine) Run(pkt Packet, entered []Entry) (outcomes []Outcome, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case fault:
			outcomes, err = nil, r
		default:
			panic(r)
		}
	}()
	var dice choices
	for more := true; more; more = dice.next() {
		if len(outcomes) > 1<<16 {
			return nil, fault("there is no end of outcomes")
		}
		w := walk{machine: m, dice: &dice, entered: entered, pkt: pkt, from: pkt.From, to: pkt.To, family: inet.FamilyOf(pkt.From.Addr())}
		w.run()
		outcomes = append(outcomes, w.out)
	}
	return outcomes, nil
}

// fault is what the kernel would refuse, or a rule that reads what is not there.
type fault string

func (f fault) Error() string { return string(f) }

func fail(format string, args ...any) { panic(fault(fmt.Sprintf(format, args...))) }

// choices takes every sequence of choices in turn: after each run, next turns the last one.
type choices struct {
	taken, of []int
	at        int
}

func (c *choices) pick(n int) int {
	if c.at == len(c.taken) {
		c.taken, c.of = append(c.taken, 0), append(c.of, n)
	}
	c.at++
	return c.taken[c.at-1]
}

func (c *choices) next() bool {
	c.at = 0
	for n := len(c.taken); n > 0; n-- {
		if c.taken[n-1]++; c.taken[n-1] < c.of[n-1] {
			return true
		}
		c.taken, c.of = c.taken[:n-1], c.of[:n-1]
	}
	return false
}

// walk is one packet on its way through the hooks.
type walk struct {
	machine  *Machine
	dice     *choices
	entered  []Entry
	pkt      Packet         // as it came
	from, to netip.AddrPort // as it is now
	family   inet.Family
	point    string // the hook
	typ      string // of the base chain
	dnat     bool   // the flow's status: the destination is another than it was
	out      Outcome
}

func (w *walk) run() {
	points := []string{"prerouting", "forward", "postrouting"}
	if w.pkt.Self {
		points = []string{"output", "postrouting"}
	}
	w.out.Verdict = policy.Accept
	for _, w.point = range points {
		for _, c := range w.machine.hooks[w.point] {
			w.typ = c.Hook.Type
			if w.typ == "nat" && !w.machine.tracks {
				w.out.Untracked = true // the packet has no flow, unless others on the machine want some (nf_nat_inet_fn)
				continue
			}
			if w.chain(c, 0).Kind == nft.Drop {
				if w.out.Verdict == policy.Accept {
					w.out.Verdict = policy.Drop
				}
				return
			}
		}
		if to := w.out.DNAT; to.IsValid() && (w.point == "prerouting" || w.point == "output") {
			// The kernel sets the bit only if something changes (nf_nat_setup_info).
			w.dnat = to != w.to
			w.to = to
		}
	}
}

// deepest is how deep jumps may nest (NFT_JUMP_STACK_SIZE in net/netfilter/nf_tables_core.c).
const deepest = 16

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
	case nft.DportIs:
		return v, w.pkt.Proto.HasPorts() && w.to.Port() == s.Port
	case nft.CtNew:
		return v, true
	case nft.CtStatus:
		switch s.Bit {
		case nft.Confirmed:
			return v, s.Not
		case nft.DNAT:
			return v, w.dnat != s.Not
		}
		fail("nobody knows the status bit of %s", s)
	case nft.FromSelf:
		return v, w.pkt.Self
	case nft.OIfIs:
		return v, nameIs(s.Name, w.oif())
	case nft.IIfIs:
		return v, nameIs(s.Name, w.iif())
	case nft.OIfIn:
		return v, w.nameIn(s.Set, w.oif())
	case nft.IIfIn:
		return v, w.nameIn(s.Set, w.iif())
	case nft.InSet:
		if t := w.set(s.Set); t.Data != nft.NoData {
			fail("%s: it is a map", s)
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
		if w.typ != "nat" || w.point != "postrouting" {
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
	case nft.Give:
		return s.Verdict, true
	}
	fail("nobody knows the statement %T", s)
	return v, false
}

// reject is allowed in some hooks only (nft_reject_validate, nft_reject_inet_validate).
func (w *walk) reject() {
	if w.point == "postrouting" {
		fail("reject in hook postrouting")
	}
	w.out.Verdict = policy.Reject
}

func (w *walk) oif() string {
	if w.point == "prerouting" {
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
	case "services", "permitted":
		w.out.Service, w.out.Passed = name, el.Verdict.Kind == nft.Accept
	case "zones", "own", "actions", "excludes", "mapped", "blocks", "rejects", "inbound":
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
	if before := w.point != "postrouting"; w.typ != "nat" || s.Source == before || w.point == "forward" {
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

// load returns what a field reads, in wire form. It returns false where the packet has no
// such field: then the rule does not match.
func (w *walk) load(f nft.Field) (string, bool) {
	var wire nft.Wire
	addr := func(a netip.Addr, family inet.Family) (string, bool) {
		if family != w.family {
			return "", false
		}
		if f.Bits > 0 {
			p, err := a.Prefix(f.Bits)
			if err != nil {
				fail("%s: %v", f, err)
			}
			a = p.Addr()
		}
		return wire.Addr(a).Take(), true
	}
	port := func(p uint16) (string, bool) {
		if !w.pkt.Proto.HasPorts() {
			p = w.pkt.Junk
		}
		return wire.Port(p).Take(), true
	}
	switch f.Kind {
	case nft.IPSaddr:
		return addr(w.from.Addr(), inet.V4)
	case nft.IP6Saddr:
		return addr(w.from.Addr(), inet.V6)
	case nft.IPDaddr:
		return addr(w.to.Addr(), inet.V4)
	case nft.IP6Daddr:
		return addr(w.to.Addr(), inet.V6)
	case nft.CtIPDaddr:
		return addr(w.pkt.To.Addr(), inet.V4)
	case nft.CtIP6Daddr:
		return addr(w.pkt.To.Addr(), inet.V6)
	case nft.L4Proto:
		return wire.Proto(w.pkt.Proto).Take(), true
	case nft.Sport:
		return port(w.from.Port())
	case nft.Dport:
		return port(w.to.Port())
	case nft.CtDport:
		return port(w.pkt.To.Port())
	case nft.JHash:
		return w.hash(f)
	}
	fail("nobody can load %s", f)
	return "", false
}

// hash stands in for jhash where its values are too many to try: equal fields give equal
// values, and that is all that rules may rely on.
func (w *walk) hash(f nft.Field) (string, bool) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/", f.Seed)
	for _, of := range f.Of {
		b, ok := w.load(of)
		if !ok {
			return "", false
		}
		h.Write([]byte(b))
	}
	var wire nft.Wire
	return wire.Slot(int(h.Sum64() % uint64(f.Mod))).Take(), true
}

// chance tells whether a field takes one of few values, all of which are tried.
func chance(f nft.Field) bool {
	const few = 1 << 16
	return f.Kind == nft.NumgenInc || f.Kind == nft.NumgenRandom || f.Kind == nft.JHash && f.Mod <= few
}

// width returns the type that a field has in a key.
func typeOf(f nft.Field) nft.Type {
	switch f.Kind {
	case nft.IPSaddr, nft.IPDaddr, nft.CtIPDaddr:
		return nft.IPv4
	case nft.IP6Saddr, nft.IP6Daddr, nft.CtIP6Daddr:
		return nft.IPv6
	case nft.L4Proto:
		return nft.Proto
	case nft.Sport, nft.Dport, nft.CtDport:
		return nft.Service
	}
	return nft.Slot
}

// values loads fields that must be of the given types.
func (w *walk) values(types []nft.Type, fields []nft.Field, what string) (string, bool) {
	if len(types) != len(fields) {
		fail("%s: %d fields for %d", what, len(fields), len(types))
	}
	var b strings.Builder
	for i, f := range fields {
		if typeOf(f) != types[i] {
			fail("%s: %s is of another type than the map's", what, f)
		}
		v, ok := w.load(f)
		if !ok {
			return "", false
		}
		b.WriteString(v)
	}
	return b.String(), true
}
