// Package compiler turns a policy into the nftables table that carries it out. It is a pure
// function: equal policies give equal tables, byte for byte.
//
// The shape of the table is described in package layout: rules are constant, maps carry the policy.
package compiler

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Compile returns the table for a valid policy, but for the flowtable of gateway.offload,
// which Offload adds. Errors are what the table cannot express:
// each names the place in the policy and the way out.
func Compile(p *policy.Policy) (*nft.Ruleset, policy.Diagnostics) {
	if p.Everywhere() {
		_, d := p.At("")
		return nil, policy.Diagnostics{*d}
	}
	b := newBuilder(Arrange(p))
	b.unresolved()
	b.room = b.measure()
	for i := range p.Services {
		b.service(&p.Services[i])
	}
	b.besides(p)
	return b.finish()
}

// besides enters all that is of no single service, for a policy in the state that it has.
func (b *builder) besides(p *policy.Policy) {
	b.zones()
	b.ways(p)
	b.chances()
}

// unresolved refuses interfaces whose addresses are VIPs and not known.
func (b *builder) unresolved() {
	for i := range b.policy.Services {
		s := &b.policy.Services[i]
		for _, v := range s.Interfaces {
			if !v.Known {
				b.fail(v.Pos, "K05", "service "+s.Name,
					"service "+s.Name+": unresolved: the addresses of "+v.Interface+" are known on the host only",
					"name them with --address "+v.Interface+"=ADDRESS; apply and diff look them up on the host")
			}
		}
	}
}

// finish writes what depends on all that was entered, and returns the table.
func (b *builder) finish() (*nft.Ruleset, policy.Diagnostics) {
	b.rules()
	if len(b.chains) > layout.MaxChains {
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
	*Arrangement
	chosen       *policy.Policy // in its state: which uplinks are up
	sets         map[layout.Name]*nft.Set
	chains       map[layout.Name]*nft.Chain
	objects      map[nft.Ref]nft.Object
	pools        map[poolKey]layout.Name // chains of pools, by what they do
	drains       map[poolKey]bool        // pools whose drained laddrs are entered
	vips         map[netip.Addr]bool
	leads        map[string]bool // chains that elements lead to which are not entered; nil: none
	fronts       [inet.V6 + 1][len(layout.PortKinds)]*nft.Set
	seats        map[seatKey]seat
	wire         nft.Wire
	room         room
	diags        policy.Diagnostics
	limitedZones map[string]bool // whose limits are entered
}

func newBuilder(a *Arrangement) *builder {
	return &builder{
		Arrangement:  a,
		sets:         make(map[layout.Name]*nft.Set),
		chains:       make(map[layout.Name]*nft.Chain),
		objects:      make(map[nft.Ref]nft.Object),
		pools:        make(map[poolKey]layout.Name),
		drains:       make(map[poolKey]bool),
		vips:         make(map[netip.Addr]bool),
		seats:        make(map[seatKey]seat),
		limitedZones: make(map[string]bool),
	}
}

// set returns the set of that name, making it on first use.
func (b *builder) set(name layout.Name) *nft.Set {
	s := b.sets[name]
	if s == nil {
		s = name.Declare()
		s.Elements = make([]nft.Element, 0, b.room.of(name))
		b.sets[name] = s
	}
	return s
}

func (b *builder) has(set layout.Name) bool { return b.sets[set] != nil }

// chain returns the chain of that name, making it on first use.
func (b *builder) chain(name layout.Name) *nft.Chain {
	c := b.chains[name]
	if c == nil {
		c = &nft.Chain{Name: name.String()}
		b.chains[name] = c
	}
	return c
}

// object makes an object of the table, and returns the statement that uses it. Two of one kind and
// name must be equal.
func (b *builder) object(o nft.Object) nft.Use {
	b.objects[o.Ref()] = o
	return nft.Use{Object: o.Ref()}
}

// rule appends a rule to a chain.
func (b *builder) rule(chain layout.Name, stmts ...nft.Stmt) {
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

// ruleset returns what was built, in the order of package layout.
func (b *builder) ruleset() *nft.Ruleset {
	r := &nft.Ruleset{Table: b.policy.Gateway.Table, Comment: layout.TableComment, Objects: append(sortedObjects(b.objects), b.timeoutObjects()...)}
	r.Sets = inOrder(b.sets, func(s *nft.Set) string { return s.Name })
	for _, s := range r.Sets {
		if !s.Dynamic && !s.Interval {
			s.Size = sizeFor(len(s.Elements))
		}
	}
	r.Chains = inOrder(b.chains, func(c *nft.Chain) string { return c.Name })
	return r
}

// sortedObjects returns objects as the table lists them: by kind, then by name.
func sortedObjects(m map[nft.Ref]nft.Object) []nft.Object {
	return slices.SortedFunc(maps.Values(m), func(a, c nft.Object) int {
		return cmp.Or(cmp.Compare(a.Ref().Kind, c.Ref().Kind), layout.CompareNatural(a.Ref().Name, c.Ref().Name))
	})
}

// inOrder returns sets or chains as the table lists them.
func inOrder[T any](m map[layout.Name]T, text func(T) string) []T {
	type entry struct { // a name is too big to be sorted, and dear to look up
		kind layout.Kind
		text string
		is   T
	}
	entries := make([]entry, 0, len(m))
	for name, is := range m {
		entries = append(entries, entry{name.Kind, text(is), is})
	}
	slices.SortFunc(entries, func(a, c entry) int {
		return cmp.Or(a.kind.Compare(c.kind), layout.CompareNatural(a.text, c.text))
	})
	out := make([]T, len(entries))
	for i, e := range entries {
		out[i] = e.is
	}
	return out
}

func gotoChain(n layout.Name) nft.Verdict { return nft.GotoChain(n.String()) }

func jumpChain(n layout.Name) nft.Verdict { return nft.JumpChain(n.String()) }
