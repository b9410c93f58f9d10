package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// extra is something that becomes of a zone's new connections before the zone decides about them: it
// sets something, counts, or refuses. Each kind of it is a map from sources to the chain that does it, and
// that chain returns to what the zone does.
type extra struct {
	kind layout.Kind // the map: sources : verdict; a zone with conditions has one of its own (objectMaybe in layout)
	// verdict returns where a zone's connections of a family go, mostly a jump; the zero value: nowhere.
	verdict func(b *builder, z *policy.Zone, f inet.Family) nft.Verdict
	refuses bool // it may reject, and so belongs to the hook forward
}

// zoneExtras is all of them, in the order in which packets meet them. It is a function since the
// compiler's methods refer to it in turn.
func zoneExtras() []extra {
	return []extra{
		{layout.LimitedZones, (*builder).zoneLimits, false},
		{layout.LimitedRejects, (*builder).zoneRejects, true},
		{layout.Timed, (*builder).zoneTimeouts, false},
	}
}

// extras enters what becomes of a range of a plain zone's sources before the zone decides.
func (b *builder) extras(z *policy.Zone, r inet.Range) {
	for _, x := range zoneExtras() {
		if v := x.verdict(b, z, r.Family()); v != (nft.Verdict{}) {
			b.interval(b.set(x.kind.Of(r.Family())), r, nft.Element{Verdict: v, Comment: z.Name})
		}
	}
}

// extraRules does the same for a zone with conditions, behind them, by maps of its own. (A jump would
// do, but a table that was read back could not tell whose it is.)
func (b *builder) extraRules(z *policy.Zone, p place, chain layout.Name) {
	for _, x := range zoneExtras() {
		if x.refuses != p.refuses {
			continue
		}
		for _, r := range inet.Merge(z.From) {
			if v := x.verdict(b, z, r.Family()); v != (nft.Verdict{}) {
				b.interval(b.set(x.kind.Own(r.Family(), z.Name)), r, nft.Element{Verdict: v, Comment: z.Name})
			}
		}
		for _, f := range inet.Families {
			if m := x.kind.Own(f, z.Name); b.has(m) {
				b.rule(chain, nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr}, Map: m.String()})
			}
		}
	}
}
