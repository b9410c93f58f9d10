package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// nft has no map of helpers, so each has a chain that assigns it, and maps of verdicts lead there.

// helper returns what leads to the chain of one of the kernel's helpers, making it and the helper's
// object on first use.
func (b *builder) helper(c policy.Control) nft.Verdict {
	chain := layout.Name{Kind: layout.ChainHelper, Variant: layout.Variant{Helper: c.Name()}}
	if b.chains[chain] == nil {
		b.rule(chain, b.object(nft.CtHelper{Name: c.Name(), Helper: c.Kernel, Proto: c.Proto, Family: c.Family}))
	}
	return jumpChain(chain)
}

// reads tells whether a helper reads connections of a family.
func reads(c policy.Control, f inet.Family) bool { return c.Family == 0 || c.Family == f }

// serviceHelpers enters the helpers of a service at each of its VIPs. As with laddrs, ports that
// other services took out of a range must not be found.
func (b *builder) serviceHelpers(s *policy.Service, f inet.Family) {
	for _, c := range s.Controls() {
		if !reads(c, f) {
			continue
		}
		frontsOf(s, f, func(e endpoint, ports inet.PortRange) {
			if e.proto != c.Proto {
				return
			}
			for _, piece := range b.left(e, ports) {
				b.serviceHelper(s, c, f, e, piece)
			}
		})
	}
}

func (b *builder) serviceHelper(s *policy.Service, c policy.Control, f inet.Family, e endpoint, ports inet.PortRange) {
	if !ports.Overlaps(c.Ports) {
		return
	}
	ports = inet.PortRange{First: max(ports.First, c.Ports.First), Last: min(ports.Last, c.Ports.Last)}
	kind := e.kindOfPorts(ports)
	m := b.set(layout.Helpers.For(f, kind))
	key, end := b.serviceKeys(e, kind, ports)
	m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: b.helper(c), Comment: s.Name})
}

// zoneHelpers enters the helpers of a zone for a range of its sources, by destination port. own is
// the zone's name if it has conditions, so that its map is its own.
func (b *builder) zoneHelpers(z *policy.Zone, r inet.Range, own string) {
	f := r.Family()
	for _, c := range z.Controls() {
		if !reads(c, f) {
			continue
		}
		m := b.set(sourceMap(layout.ZoneHelpers, f, own, layout.Variant{}))
		m.Elements = append(m.Elements, nft.Element{
			Key:     b.wire.Addr(r.From).Proto(c.Proto).Port(c.Ports.First).Take(),
			KeyEnd:  b.wire.Addr(r.To).Proto(c.Proto).Port(c.Ports.Last).Take(),
			Verdict: b.helper(c), Comment: z.Name})
	}
}

// zoneHelperRules looks the helper up that reads a zone's connection.
func (b *builder) zoneHelperRules(chain layout.Name, own string) {
	for _, f := range inet.Families {
		if m := sourceMap(layout.ZoneHelpers, f, own, layout.Variant{}); b.has(m) {
			b.rule(chain, nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr, nft.F(nft.L4Proto), nft.F(nft.Dport)}, Map: m.String()})
		}
	}
}
