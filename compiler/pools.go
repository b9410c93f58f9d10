package compiler

import (
	"fmt"
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// translation is how connections get a laddr of a pool: a range that is data of a
// map, or a chain of the pool's own where it is not one range.
type translation struct {
	bytes  string // the range
	ports  bool   // source ports are bound too
	spread bool   // the destination has a say in the choice
	sel    policy.Select
	random bool        // random source ports
	via    string      // the uplink that they leave by; empty: whichever
	chain  layout.Name // zero: none
}

// variant tells the map for this translation from others.
func (t translation) variant() layout.Variant {
	if t.chain != (layout.Name{}) {
		return layout.Variant{Via: t.via}
	}
	return layout.Variant{Bound: t.ports, Spread: t.spread, Random: t.random, Via: t.via}
}

// poolOf tells whose a pool written in line is.
type poolOf struct {
	zone    *policy.Zone
	via     string // for connections by that uplink; empty: for all
	service *policy.Service
}

// describe names the pool in a message.
func (of poolOf) describe(p *policy.Pool) string {
	switch {
	case p.Name != "":
		return "pool " + p.Name
	case of.zone != nil:
		return "zone " + of.zone.Name
	}
	return "service " + of.service.Name
}

// object returns whose own the pool's chain and sets are.
func (of poolOf) object(p *policy.Pool) layout.Object {
	switch {
	case p.Name != "":
		return layout.Object{Of: layout.OfPool, Name: p.Name}
	case of.zone != nil:
		return layout.Object{Of: layout.OfZone, Name: of.zone.Name}
	}
	return layout.Object{Of: layout.OfService, Name: of.service.Name}
}

// name names a set or chain of the pool.
func (of poolOf) name(k layout.Kind, p *policy.Pool, f inet.Family) layout.Name {
	n := layout.Name{Kind: k, Family: f, Object: of.object(p)}
	if p.Name == "" {
		n.Variant.Via = of.via
	}
	return n
}

// poolKey names a pool's chain.
type poolKey struct {
	pool   *policy.Pool
	family inet.Family
	sel    policy.Select
}

// maxPoolAddresses bounds pools that are listed address by address.
const maxPoolAddresses = 65536

// hashSeed is fixed, so that a source keeps its laddr over every reload and reboot.
const hashSeed = 0x5ca1ab1e

func (b *builder) translation(p *policy.Pool, f inet.Family, sel policy.Select, of poolOf) translation {
	b.drain(p, f, of)
	t := translation{via: of.via, ports: !p.Ports.IsZero(), sel: sel, spread: sel == policy.SelectSourceDestination, random: p.Random}
	ranges := b.ranges(p, f)
	kernels := sel == policy.SelectSource || t.spread // how the kernel itself chooses in a range
	// nft 1.0.6 cannot load maps of IPv6 ranges with ports, nor what it lists for one address
	// with one port.
	if len(ranges) != 1 || !kernels || weighted(p, f) || t.ports && (f == inet.V6 || ranges[0].Single() && p.Ports.Single()) {
		t.chain = b.poolChain(p, f, t, of)
		return t
	}
	t.bytes = b.rangeBytes(ranges[0], p.Ports)
	return t
}

// plain returns the translation for protocols without ports.
func (t translation) plain(b *builder, p *policy.Pool, f inet.Family) translation {
	t.ports = false
	t.bytes = b.rangeBytes(b.ranges(p, f)[0], inet.PortRange{})
	return t
}

// drain enters the laddrs of weight 0: nothing else in the table tells that flows may have them.
func (b *builder) drain(p *policy.Pool, f inet.Family, of poolOf) {
	id := poolKey{pool: p, family: f}
	if b.drains[id] {
		return
	}
	b.drains[id] = true
	var drained []inet.Range
	for _, l := range p.Laddrs {
		if l.Weight == 0 && l.Range.Family() == f {
			drained = append(drained, l.Range)
		}
	}
	for _, r := range inet.Merge(drained) {
		b.interval(b.set(of.name(layout.Drained, p, f)), r, nft.Element{})
	}
}

// mergePools merges the addresses of all pools that are used.
func mergePools(p *policy.Policy) map[poolKey][]inet.Range {
	merged := make(map[poolKey][]inet.Range)
	merge := func(pool *policy.Pool) {
		if pool == nil {
			return
		}
		if _, ok := merged[poolKey{pool: pool, family: inet.V4}]; ok {
			return
		}
		for _, f := range inet.Families {
			merged[poolKey{pool: pool, family: f}] = pool.Ranges(f)
		}
	}
	for i := range p.Zones {
		for _, pool := range p.Zones[i].Pools() {
			merge(pool)
		}
	}
	for i := range p.Services {
		merge(p.Services[i].Laddrs)
	}
	return merged
}

// ranges returns a pool's addresses of a family, merged.
func (a *Arrangement) ranges(p *policy.Pool, f inet.Family) []inet.Range {
	return a.merged[poolKey{pool: p, family: f}]
}

func (b *builder) rangeBytes(r inet.Range, ports inet.PortRange) string {
	if ports.IsZero() {
		return b.wire.Addr(r.From).Addr(r.To).Take()
	}
	return b.wire.Addr(r.From).Port(ports.First).Addr(r.To).Port(ports.Last).Take()
}

// poolChain makes the chain that chooses among a pool's addresses by hash, and returns its name.
func (b *builder) poolChain(p *policy.Pool, f inet.Family, t translation, of poolOf) layout.Name {
	id := poolKey{p, f, t.sel}
	if chain, ok := b.pools[id]; ok {
		return chain
	}
	name := of.name(layout.Pool, p, f)
	if t.sel != policy.SelectSource {
		name.Variant.Select = string(t.sel)
	}
	chain := name
	chain.Kind = layout.ChainPool
	b.pools[id] = chain
	m := b.set(name)
	if !b.listAddresses(m, p, f, of.describe(p)) {
		return chain
	}
	if t.ports && len(m.Elements) > 0 {
		m.Elements[0].Comment = layout.PoolPorts + p.Ports.String()
	}
	for _, g := range t.generators(f, len(m.Elements)) {
		nat := nft.NAT{Source: true, Key: []nft.Field{g.field}, Map: m.Name, Data: m.Data, Random: t.random}
		if g.transports {
			nat.Ports = p.Ports
			b.rule(chain, nft.L4Is{Protos: transports}, nat)
		} else {
			b.rule(chain, nat)
		}
	}
	return chain
}

// generator is what chooses a slot, for the transports alone or for every protocol.
type slotGenerator struct {
	field      nft.Field
	transports bool
}

// generators returns what chooses among n slots of a pool: one rule for the protocols that
// have ports, where those matter, and one for all others.
func (t translation) generators(f inet.Family, n int) []slotGenerator {
	fs := fieldsOf(f)
	hash := func(of ...nft.Field) nft.Field {
		return nft.Field{Kind: nft.JHash, Of: of, Mod: uint32(n), Seed: hashSeed}
	}
	var all, ported nft.Field
	switch t.sel {
	case policy.SelectRoundRobin:
		all = nft.Field{Kind: nft.NumgenInc, Mod: uint32(n)}
	case policy.SelectRandom:
		all = nft.Field{Kind: nft.NumgenRandom, Mod: uint32(n)}
	case policy.SelectSource:
		all = hash(fs.saddr)
	default:
		all = hash(fs.saddr, fs.daddr)
	}
	ported = all
	if t.sel == policy.SelectFlow {
		ported = hash(fs.saddr, fs.daddr, nft.F(nft.L4Proto), nft.F(nft.Sport), nft.F(nft.Dport))
	}
	if t.ports || t.sel == policy.SelectFlow {
		return []slotGenerator{{ported, true}, {all, false}}
	}
	return []slotGenerator{{all, false}}
}

// weighted tells whether the pool's addresses of a family have different shares.
func weighted(p *policy.Pool, f inet.Family) bool {
	first := 0
	for _, l := range p.Laddrs {
		if l.Range.Family() != f {
			continue
		}
		if first == 0 {
			first = l.Weight
		}
		if l.Weight != first {
			return true
		}
	}
	return false
}

// listAddresses enters a pool's addresses of one family under their slots: each under one,
// or under as many as its weight gives it.
func (b *builder) listAddresses(m *nft.Set, p *policy.Pool, f inet.Family, object string) bool {
	var total uint64
	for _, r := range b.ranges(p, f) {
		total += r.Count()
	}
	if total > maxPoolAddresses {
		b.fail(p.Pos, "K02", object, fmt.Sprintf("%s needs its %d %s addresses listed one by one; the limit is %d", object, total, f, maxPoolAddresses),
			"write the pool as one contiguous range with `select: source` and no weights, and without ports for IPv6")
		return false
	}
	for slot, a := range addressTable(p, f, b.ranges(p, f)) {
		m.Elements = append(m.Elements, nft.Element{Key: b.wire.Slot(slot).Take(), Data: b.wire.Addr(a).Take()})
	}
	return true
}

// addressTable returns the address of each slot of a pool. Weighted addresses take
// interleaved turns; where they overlap, the first entry gives the weight.
func addressTable(p *policy.Pool, f inet.Family, ranges []inet.Range) []netip.Addr {
	var addrs []netip.Addr
	for _, r := range ranges {
		for a := r.From; ; a = a.Next() {
			addrs = append(addrs, a)
			if a == r.To {
				break
			}
		}
	}
	if !weighted(p, f) {
		return addrs
	}
	weights := make([]int, len(addrs))
	for i, a := range addrs {
		for _, l := range p.Laddrs {
			if l.Range.Contains(a) {
				weights[i] = l.Weight
				break
			}
		}
	}
	turns := interleave(policy.Shares(weights, max(policy.MaxSlots, 4*len(addrs))))
	out := make([]netip.Addr, len(turns))
	for n, i := range turns {
		out[n] = addrs[i]
	}
	return out
}

// tooManyChains says what needs the chains: pools that are not one range, or services whose
// schedules have many different lengths.
func (b *builder) tooManyChains() {
	var pos policy.Pos
	conditional := 0
	for _, z := range b.policy.Zones {
		if z.Conditional() {
			conditional++
		}
	}
	hint := "choose weights so that the services have few different sums of weights"
	switch {
	case len(b.pools) > len(b.chains)/2:
		pos, hint = b.policy.Laddrs[0].Pos, "write pools as one range each, or use one pool in several zones"
	case conditional > len(b.chains)/6:
		pos, hint = b.policy.Zones[0].Pos, "join zones with conditions: one zone can have several sources"
	case len(b.policy.Services) > 0:
		pos = b.policy.Services[0].Pos
	}
	b.fail(pos, "K01", "", fmt.Sprintf("the policy needs %d nftables chains, %d of them for pools that are not one contiguous range; the limit is %d", len(b.chains), len(b.pools), layout.MaxChains), hint)
}
