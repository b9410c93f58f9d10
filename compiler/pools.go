package compiler

import (
	"fmt"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// translation is how connections get a laddr of a pool: a range that stands as data in a
// map, or a chain of the pool's own where it is not one range.
type translation struct {
	data   nft.Data
	bytes  string // the range
	ports  bool   // source ports are bound too
	spread bool   // the destination has a say in the choice
	random bool   // random source ports
	chain  string
}

// variants returns what tells the map for this translation from others.
func (t translation) variants() []string {
	if t.chain != "" {
		return nil
	}
	pick := func(on bool, name string) string {
		if on {
			return name
		}
		return ""
	}
	return []string{pick(t.ports, "ports"), pick(t.spread, "spread"), pick(t.random, "random")}
}

// poolOf tells whose a pool written in line is.
type poolOf struct {
	zone    *policy.Zone
	service *policy.Service
}

// poolKey names a pool's chain.
type poolKey struct {
	pool   *policy.Pool
	family inet.Family
	spread bool
}

// maxPoolAddresses bounds pools that are listed address by address.
const maxPoolAddresses = 65536

// hashSeed is fixed, so that a source keeps its laddr over every reload and reboot.
const hashSeed = 0x5ca1ab1e

func (b *builder) translation(p *policy.Pool, f inet.Family, sel policy.Select, of poolOf) translation {
	t := translation{ports: !p.Ports.IsZero(), spread: sel == policy.SelectSourceDestination, random: p.Random}
	ranges := b.ranges(p, f)
	// nft 1.0.6 cannot load maps of IPv6 ranges with ports.
	if len(ranges) != 1 || t.ports && f == inet.V6 {
		t.chain = b.poolChain(p, f, t, of)
		return t
	}
	t.data = t.dataFor(f)
	t.bytes = b.rangeBytes(ranges[0], p.Ports)
	return t
}

// plain returns the translation for protocols without ports.
func (t translation) plain(b *builder, p *policy.Pool, f inet.Family) translation {
	t.ports, t.data = false, addrRange(f)
	t.bytes = b.rangeBytes(b.ranges(p, f)[0], inet.PortRange{})
	return t
}

// ranges returns a pool's addresses, remembering them: many ranges of sources may share it.
func (b *builder) ranges(p *policy.Pool, f inet.Family) []inet.Range {
	id := poolKey{pool: p, family: f}
	rs, ok := b.merged[id]
	if !ok {
		rs = p.Ranges(f)
		b.merged[id] = rs
	}
	return rs
}

func (b *builder) rangeBytes(r inet.Range, ports inet.PortRange) string {
	if ports.IsZero() {
		return b.wire.Addr(r.From).Addr(r.To).Take()
	}
	return b.wire.Addr(r.From).Port(ports.First).Addr(r.To).Port(ports.Last).Take()
}

// poolChain makes the chain that chooses among a pool's addresses by hash, and returns its name.
func (b *builder) poolChain(p *policy.Pool, f inet.Family, t translation, of poolOf) string {
	id := poolKey{p, f, t.spread}
	if name := b.pools[id]; name != "" {
		return name
	}
	name := named(chainPool, f)
	if t.spread {
		name += "/spread"
	}
	switch {
	case p.Name != "":
		name += "/" + p.Name
	case of.zone != nil:
		name += "/zone/" + of.zone.Name
	default:
		name += "/service/" + of.service.Name
	}
	b.pools[id] = name
	data := map[inet.Family]nft.Data{inet.V4: nft.Addr4, inet.V6: nft.Addr6}[f]
	m := b.set(name, data, false, nft.Slot)
	if !b.listAddresses(m, p, f) {
		return name
	}
	fs := fieldsOf(f)
	hashed := []nft.Field{fs.saddr}
	if t.spread {
		hashed = append(hashed, fs.daddr)
	}
	nat := nft.NAT{Source: true, Key: []nft.Field{{Kind: nft.JHash, Of: hashed, Mod: uint32(len(m.Elements)), Seed: hashSeed}},
		Map: name, Data: data, Random: t.random}
	if t.ports {
		bound := nat
		bound.Ports = p.Ports
		b.rule(name, nft.L4Is{Protos: transports}, bound)
	}
	b.rule(name, nat)
	return name
}

// listAddresses enters a pool's addresses of one family, each under its slot.
func (b *builder) listAddresses(m *nft.Set, p *policy.Pool, f inet.Family) bool {
	var total uint64
	for _, r := range p.Ranges(f) {
		total += r.Count()
	}
	if total > maxPoolAddresses {
		b.fail(p.Pos, "K02", "pool "+p.Name, fmt.Sprintf("pool %s has %d %s addresses in a form that needs them listed one by one; at most %d can be", p.Name, total, f, maxPoolAddresses),
			"write the pool as one contiguous range, or without ports for IPv6")
		return false
	}
	slot := 0
	for _, r := range p.Ranges(f) {
		for a := r.From; ; a = a.Next() {
			m.Elements = append(m.Elements, nft.Element{Key: b.wire.Slot(slot).Take(), Data: b.wire.Addr(a).Take()})
			slot++
			if a == r.To {
				break
			}
		}
	}
	return true
}

// tooManyChains blames the pools: everything else is bounded well below.
func (b *builder) tooManyChains() {
	pos := b.policy.Gateway.Pos
	if len(b.policy.Laddrs) > 0 {
		pos = b.policy.Laddrs[0].Pos
	}
	b.fail(pos, "K01", "", fmt.Sprintf("the policy needs %d nftables chains, %d of them for pools that are not one contiguous range; at most %d can be had", len(b.chains), len(b.pools), maxChains),
		"write pools as one range each, or let zones share pools")
}
