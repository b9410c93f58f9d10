package compiler

import (
	"maps"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// Fragment is a part of a table: what one service, or all zones, put into it. Some of it others
// may put there too: chains of a scheduler, named pools, VIPs.
type Fragment struct {
	sets    map[layout.Name]*nft.Set
	chains  map[layout.Name]*nft.Chain
	objects map[nft.Ref]nft.Object
}

// fragment returns all that was built.
func (b *builder) fragment() Fragment { return Fragment{b.sets, b.chains, b.objects} }

// Ruleset returns the fragment as a ruleset, in the table's order, to be printed or compared.
func (f Fragment) Ruleset() *nft.Ruleset {
	r := &nft.Ruleset{Objects: sortedObjects(f.objects)}
	r.Sets = inOrder(f.sets, func(s *nft.Set) string { return s.Name })
	r.Chains = inOrder(f.chains, func(c *nft.Chain) string { return c.Name })
	return r
}

// Sticky returns the maps of the fragment that hold clients of a persistent service.
func (f Fragment) Sticky() (sets []*nft.Set) {
	for name, s := range f.sets {
		if name.Kind == layout.Sticky {
			sets = append(sets, s)
		}
	}
	return sets
}

// add enters a fragment. What is shared is entered once.
func (b *builder) add(f Fragment) {
	for name, s := range f.sets {
		was := b.sets[name]
		switch {
		case was == nil:
			own := *s
			own.Elements = slices.Clone(s.Elements)
			b.sets[name] = &own
		case name.Kind == layout.Pool, name.Kind == layout.Drained: // a named pool's, and so equal
		case name.Kind == layout.VIPs:
			for _, e := range s.Elements {
				if !slices.Contains(was.Elements, e) {
					was.Elements = append(was.Elements, e)
				}
			}
		default:
			was.Elements = append(was.Elements, s.Elements...)
		}
	}
	maps.Copy(b.objects, f.objects)
	for name, c := range f.chains {
		if b.chains[name] == nil {
			own := *c
			own.Rules = slices.Clone(c.Rules)
			b.chains[name] = &own
		}
	}
}
