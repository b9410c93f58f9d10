// Package compiler turns a policy into the nftables table that carries it out. It is a pure
// function: equal policies give equal tables, byte for byte.
//
// The shape of the table is described in layout.go: rules are constant, maps carry the policy.
package compiler

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Compile returns the table for a valid policy, but for the flowtable of gateway.offload,
// which Offload adds. Errors are what the table cannot express:
// each names the place in the policy and the way out.
func Compile(p *policy.Policy) (*nft.Ruleset, policy.Diagnostics) {
	b := &builder{
		policy: p,
		sets:   make(map[string]*nft.Set),
		chains: make(map[string]*nft.Chain),
		lanes:  assignLanes(p.Services),
		claims: claimsOf(p.Services),
		pools:  make(map[poolKey]string),
		merged: make(map[poolKey][]inet.Range),
		drains: make(map[poolKey]bool),
		vips:   make(map[netip.Addr]bool),
	}
	b.parted, b.countsSlots = b.needsParts(), b.fewEnoughToCount()
	b.stickySeed = stickySeed(p.Services)
	for i := range p.Services {
		b.service(&p.Services[i])
	}
	b.zones()
	b.rules()
	if len(b.chains) > maxChains {
		b.tooManyChains()
	}
	if b.diags.Err() != nil {
		b.diags.Sort()
		return nil, b.diags
	}
	return b.ruleset(), b.diags
}

// builder collects sets and chains under their names.
type builder struct {
	policy      *policy.Policy
	sets        map[string]*nft.Set
	chains      map[string]*nft.Chain
	lanes       map[*policy.Service]int
	countsSlots bool // every slot counts its new connections
	parted      bool // slots of services without a lane are spread over several maps
	stickySeed  uint32
	claims      map[endpoint][]claim
	pools       map[poolKey]string // chains of pools, by what they do
	merged      map[poolKey][]inet.Range
	drains      map[poolKey]bool // pools whose drained laddrs are entered
	vips        map[netip.Addr]bool
	wire        nft.Wire
	diags       policy.Diagnostics
}

// set returns the set of that name, making it on first use.
func (b *builder) set(name string, data nft.Data, interval bool, key ...nft.Type) *nft.Set {
	s := b.sets[name]
	if s == nil {
		s = &nft.Set{Name: name, Key: key, Data: data, Interval: interval, Counter: counts(name), Elements: make([]nft.Element, 0, b.room(name))}
		b.sets[name] = s
	}
	return s
}

// room guesses how many elements the big maps will hold.
func (b *builder) room(name string) int {
	switch name {
	case named(mapServices, inet.V4), named(setVIPs, inet.V4):
		return len(b.policy.Services)
	case named(mapSlots, inet.V4):
		return 4 * len(b.policy.Services)
	case named(mapZones, inet.V4):
		return len(b.policy.Zones)
	}
	return 0
}

func (b *builder) has(set string) bool { return b.sets[set] != nil }

// chain returns the chain of that name, making it on first use.
func (b *builder) chain(name string) *nft.Chain {
	c := b.chains[name]
	if c == nil {
		c = &nft.Chain{Name: name}
		b.chains[name] = c
	}
	return c
}

// rule appends a rule to a chain.
func (b *builder) rule(chain string, stmts ...nft.Stmt) {
	c := b.chain(chain)
	c.Rules = append(c.Rules, nft.Rule{Stmts: stmts})
}

// interval appends an element whose key is a range of addresses.
func (b *builder) interval(s *nft.Set, r inet.Range, e nft.Element) {
	e.Key, e.KeyEnd = string(r.From.AsSlice()), string(r.To.AsSlice())
	s.Elements = append(s.Elements, e)
}

func (b *builder) fail(pos policy.Pos, code, object, msg, hint string) {
	b.diags = append(b.diags, policy.Diagnostic{Pos: pos, Severity: policy.Error, Code: code, Object: object, Msg: msg, Hint: hint})
}

// ruleset returns what was built, in the order of layout.go.
func (b *builder) ruleset() *nft.Ruleset {
	r := &nft.Ruleset{Table: b.policy.Gateway.Table, Comment: TableComment}
	for _, s := range b.sets {
		r.Sets = append(r.Sets, s)
	}
	for _, c := range b.chains {
		r.Chains = append(r.Chains, c)
	}
	slices.SortFunc(r.Sets, func(a, c *nft.Set) int { return compareNames(setOrder, a.Name, c.Name) })
	slices.SortFunc(r.Chains, func(a, c *nft.Chain) int { return compareNames(chainOrder, a.Name, c.Name) })
	return r
}
