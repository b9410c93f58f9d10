package compiler

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Limits keep their state in dynamic sets that all objects share: how fast each client comes
// (`limit rate over`), and which connections of each client, or of a part of all, are open (`ct count
// over`). Keys begin with the object's number, which follows from its name and its limits: an object that
// changes these begins to count anew, and all others go on.
//
// A service's chain is that of all services with the same values. Its first rule looks up the
// service's number and gives it to the packet as its priority, which is the only thing that rules can pass
// on that nobody else needs: in prerouting it is not set yet. The last takes it away. A zone has a chain of its
// own, and its number is a constant there.
//
// The kernel walks the connections of a key when it counts one more, if it has not in the same jiffy, and
// a connection that is then refused stays in the list until a later walk. So a key that is found full is
// held for a moment, in which its connections are refused by a lookup and not counted: a flood costs no
// more than a few walks a second.

// held is how long a key that was found full refuses without looking again: so long may it take
// until the place of a connection that closed is given away.
const held = 100 * time.Millisecond

// partSeed is the seed of the hash by which connections belong to parts.
const partSeed = 0x11417

// reasons are what limits refuse by, in the order in which they are asked.
const (
	overRate        = layout.OverRate
	overClient      = layout.OverClient
	overConnections = layout.OverConnections
)

// numberLimits gives objects with limits their numbers, by kind and name. Both halves of a number are not
// 0: nft has names for those.
func numberLimits(p *policy.Policy) map[policy.Object]uint32 {
	numbers := make(map[policy.Object]uint32)
	taken := make(map[uint32]bool)
	give := func(o policy.Object, l *policy.Limits) {
		if !l.Any() {
			return
		}
		h := fnv.New32a()
		fmt.Fprintf(h, "%s/%s", o, limitsID(l))
		n := h.Sum32()
		for n>>16 == 0 || n&0xffff == 0 || n>>16 == 0xffff || taken[n] {
			n++
		}
		taken[n], numbers[o] = true, n
	}
	for i := range p.Services {
		give(policy.Object{Kind: "service", Name: p.Services[i].Name}, &p.Services[i].Limits)
	}
	for i := range p.Zones {
		give(policy.Object{Kind: "zone", Name: p.Zones[i].Name}, &p.Zones[i].Limits)
	}
	return numbers
}

// limitsID tells limits with different values apart: those that have one count alike.
func limitsID(l *policy.Limits) string {
	id := ""
	if l.New.Count > 0 {
		id += fmt.Sprintf("%d-%s-%d.", l.New.Count, l.New.Unit(), l.Burst)
	}
	if l.PerClient > 0 {
		id += fmt.Sprintf("client-%d.", l.PerClient)
	}
	if l.ByClient() {
		id += fmt.Sprintf("masks-%d-%d.", l.Mask4, l.Mask6)
	}
	if l.Connections > 0 {
		id += fmt.Sprintf("all-%d.", l.Connections)
	}
	return id[:max(0, len(id)-1)]
}

// limiter writes the rules of limits for one family.
type limiter struct {
	limits *policy.Limits
	family inet.Family
	zone   string    // whose they are; empty: of services
	number nft.Field // loads the object's number
	chain  layout.Name
}

// set names one of the sets that limits share.
func (r *limiter) set(kind layout.Kind) layout.Name {
	n := layout.Name{Kind: kind, Variant: layout.Variant{Zones: r.zone != ""}}
	switch kind {
	case layout.Rates, layout.Clients, layout.HeldClients:
		n.Family = r.family
	}
	return n
}

// overMap names the map that refuses. Those of zones that reject are asked in the hook forward, and
// no map with `reject` in it may be asked in postrouting.
func overMap(l *policy.Limits, zones bool, why string) layout.Name {
	return layout.Name{Kind: layout.Over, Variant: layout.Variant{Zones: zones, Rejects: zones && l.Action == policy.Reject, Over: why}}
}

// beyond refuses a connection, if the object has that limit: its element says how.
func (b *builder) beyond(r *limiter, why string) nft.Stmt {
	over := overMap(r.limits, r.zone != "", why)
	b.set(over)
	return nft.Vmap{Key: []nft.Field{r.number}, Map: over.String()}
}

// limit writes the rules.
func (b *builder) limit(r *limiter) {
	l := r.limits
	client := fieldsOf(r.family).saddr
	if bits := l.Mask(r.family); bits < 8*nft.AddrType(r.family).Width() {
		client.Bits = bits
	}
	key := []nft.Field{r.number, client}
	if l.New.Count > 0 {
		b.rule(r.chain, nft.RateOver{Set: b.set(r.set(layout.Rates)).Name, Key: key, Rate: uint64(l.New.Count), Unit: nft.RateUnit(l.New.Per / time.Second),
			Burst: uint32(l.Burst), Timeout: max(time.Second, l.Refill().Truncate(time.Second)+time.Second)}, b.beyond(r, overRate))
	}
	if l.PerClient > 0 {
		b.count(r, overClient, layout.Clients, layout.HeldClients, key, l.PerClient)
	}
	if l.Connections > 0 {
		parts, each := l.Parts()
		part := nft.Field{Kind: nft.JHash, Of: []nft.Field{fieldsOf(r.family).saddr, nft.F(nft.Sport)}, Mod: uint32(parts), Seed: partSeed}
		b.count(r, overConnections, layout.Open, layout.HeldParts, []nft.Field{r.number, part}, each)
	}
}

// count writes the rules that count open connections by a key. That the key is found full is
// entered in a chain of its own: where that fails, because no more are held at a time, the
// connection is refused all the same.
func (b *builder) count(r *limiter, why string, counts, holds layout.Kind, key []nft.Field, most int) {
	hold, beyond := b.set(r.set(holds)).Name, b.beyond(r, why)
	full := layout.Name{Kind: layout.ChainFull, Family: r.family, Variant: layout.Variant{Over: why, Limits: r.chain.Variant.Limits}, Object: r.chain.Object}
	b.rule(r.chain, nft.InSet{Key: key, Set: hold}, beyond)
	b.rule(r.chain, nft.CountOver{Set: b.set(r.set(counts)).Name, Key: key, Over: uint32(most)}, nft.Give{Verdict: gotoChain(full)})
	if b.chains[full] == nil {
		b.rule(full, nft.Hold{Set: hold, Key: key, Timeout: held})
		b.rule(full, beyond)
	}
}

// stateSets makes the sets that count.
func (b *builder) stateSets(r *limiter) {
	for _, set := range []struct {
		kind layout.Kind
		is   bool
	}{
		{layout.Rates, r.limits.New.Count > 0},
		{layout.Clients, r.limits.PerClient > 0}, {layout.HeldClients, r.limits.PerClient > 0},
		{layout.Open, r.limits.Connections > 0}, {layout.HeldParts, r.limits.Connections > 0},
	} {
		if set.is {
			b.set(r.set(set.kind))
		}
	}
}

// limitElements enters an object's limits, as reports have them, and how they refuse.
func (b *builder) limitElements(of policy.Object, l *policy.Limits) {
	zones := of.Kind == "zone"
	v := nft.Verdict{Kind: nft.Drop}
	if l.Action == policy.Reject {
		v = gotoChain(layout.ChainRefused.Name())
	}
	masks := ""
	if l.Mask4 < 32 {
		masks += fmt.Sprintf(" /%d", l.Mask4)
	}
	if l.Mask6 < 128 {
		masks += fmt.Sprintf(" /%d", l.Mask6)
	}
	for _, limit := range []struct {
		why  string
		is   bool
		text string
	}{
		{overRate, l.New.Count > 0, fmt.Sprintf("%s burst %d%s", l.New, l.Burst, masks)},
		{overClient, l.PerClient > 0, fmt.Sprintf("%d%s", l.PerClient, masks)},
		{overConnections, l.Connections > 0, fmt.Sprint(l.Connections)},
	} {
		if limit.is {
			m := b.set(overMap(l, zones, limit.why))
			w := b.wire.Class(b.limitNumbers[of])
			m.Elements = append(m.Elements, nft.Element{Key: w.Take(), Verdict: v, Comment: owner(of.Name, limit.text)})
		}
	}
}

// limitStage lets a service's limits refuse a connection before the service chooses a real
// server.
type limitStage struct {
	service *policy.Service
	next    nft.Verdict
}

// limit puts a service's limits before the stages that there are.
func (sc *schedule) limit(b *builder, s *policy.Service) {
	if !s.Limits.Any() {
		return
	}
	f := sc.family
	chain := layout.ChainLimits.For(f, sc.kind)
	chain.Variant.Limits = limitsID(&s.Limits)
	numbers, next := layout.Limited.For(f, sc.kind), layout.Admitted.For(f, sc.kind)
	key := calledKey(f, sc.kind)
	b.set(next)
	if b.chains[chain] == nil {
		b.rule(chain, nft.SetPriority{Key: key, Map: b.set(numbers).Name})
		b.limit(&limiter{limits: &s.Limits, family: f, number: nft.F(nft.Priority), chain: chain})
		b.rule(chain, nft.ClearPriority{}, nft.Vmap{Key: key, Map: next.String()})
	}
	sc.stages = append(sc.stages, limitStage{s, sc.verdict})
	sc.verdict = gotoChain(chain)
}

func (st limitStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	m := b.set(layout.Admitted.For(sc.family, sc.kind))
	key, end := b.serviceKeys(e, sc.kind, ports)
	m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: st.next, Comment: st.service.Name})
}

// limitService enters a service's number at each of its VIPs, whatever real servers it has. The sets that
// count stay where none is up, too: flows that live on count when others come back.
func (b *builder) limitService(s *policy.Service) {
	if !s.Limits.Any() {
		return
	}
	of, kind := policy.Object{Kind: "service", Name: s.Name}, kindOf(s)
	b.limitElements(of, &s.Limits)
	for _, f := range inet.Families {
		frontsOf(s, f, func(e endpoint, ports inet.PortRange) {
			b.stateSets(&limiter{limits: &s.Limits, family: f})
			m := b.set(layout.Limited.For(f, kind))
			for _, piece := range b.pieces(e, kind, ports) {
				key, end := b.serviceKeys(e, kind, piece)
				m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Data: b.wire.Class(b.limitNumbers[of]).Take(), Comment: s.Name})
			}
		})
	}
}

// zoneLimits returns the chain of a zone's limits, if they drop what is beyond.
func (b *builder) zoneLimits(z *policy.Zone, f inet.Family) nft.Verdict {
	return b.limitZone(z, f, policy.Drop)
}

// zoneRejects returns the same where they reject, which only the hook forward can.
func (b *builder) zoneRejects(z *policy.Zone, f inet.Family) nft.Verdict {
	return b.limitZone(z, f, policy.Reject)
}

func (b *builder) limitZone(z *policy.Zone, f inet.Family, action policy.Action) nft.Verdict {
	l := &z.Limits
	if !l.Any() || cmp.Or(l.Action, policy.Drop) != action || len(inet.Of(f, z.From)) == 0 {
		return nft.Verdict{}
	}
	of := policy.Object{Kind: "zone", Name: z.Name}
	chain := layout.ChainLimits.Own(f, z.Name)
	if b.chains[chain] == nil {
		number := nft.Field{Kind: nft.NumgenInc, Mod: 1, Base: b.limitNumbers[of]}
		if !b.limitedZones[z.Name] {
			b.limitedZones[z.Name] = true
			b.limitElements(of, l)
		}
		b.limit(&limiter{limits: l, family: f, zone: z.Name, number: number, chain: chain})
	}
	return jumpChain(chain)
}
