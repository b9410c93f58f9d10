package tell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

type zoneView struct {
	sources []inet.Range // what earlier zones leave of them
	does    string       // "laddrs guests", "drop", …
	exclude string       // the list of destinations left untranslated
	when    string       // conditions
	drained []inet.Range // laddrs written in line that only flows have
}

// withoutShadows drops what a zone does to protocols without ports beside what it does to
// those that have some.
func withoutShadows(does string) string {
	parts := strings.Split(does, "; ")
	shadow := func(p string) bool {
		return slices.ContainsFunc(parts, func(o string) bool {
			return strings.HasPrefix(o, p+" (ports ") || strings.HasPrefix(o, p+" in blocks")
		})
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), shadow), "; ")
}

func (v *view) zone(name string) *zoneView {
	if v.zones[name] == nil {
		v.zones[name] = &zoneView{}
	}
	return v.zones[name]
}

func (v *view) readZones(r *nft.Ruleset, s *nft.Set, t touched) {
	kind := layout.KindOfSet(s.Name)
	for _, e := range s.Elements {
		name, pool := layout.SplitOwner(e.Comment)
		if !t.zone(name) && !t.pool(pool) || name == "" {
			continue
		}
		does := e.Verdict.String()
		switch {
		case kind == layout.Mapped:
			does = "map " + s.DataString(e)
		case kind == layout.Blocks:
			_, ports, _ := readback.DataRange(s, &e)
			does = v.translation(r, s, e, pool, "") + fmt.Sprintf(" in blocks of %d", ports.Len())
		case s.Data != nft.VerdictData:
			variant := layout.VariantOf(s.Name)
			if kind == layout.Own {
				variant = strings.TrimSuffix(strings.TrimSuffix(variant, name), "/")
			}
			does = v.translation(r, s, e, pool, variant)
		case e.Verdict.Chain == layout.ChainMasquerade.String():
			does = "masquerade"
		case e.Verdict.Chain == layout.ChainRefused.String():
			does = "reject"
		case strings.HasPrefix(e.Verdict.Chain, layout.ChainPool.String()):
			does = v.translation(r, s, e, pool, "")
		}
		if !t.zone(name) {
			continue
		}
		z := v.zone(name)
		if src, ok := readback.KeyRange(e); ok {
			z.sources = append(z.sources, src)
		}
		switch {
		case z.does == "":
			z.does = does
		case !strings.Contains(z.does, does):
			z.does += "; " + does
		}
	}
}

// translation describes the laddrs of an element, and enters those of a named pool.
func (v *view) translation(r *nft.Ruleset, s *nft.Set, e nft.Element, pool, variant string) string {
	var ranges []inet.Range
	how := variant
	if c := e.Verdict.Chain; c != "" {
		ranges = readback.PoolRanges(r.Set(c))
		how = ""
		if n, _ := layout.ParseChain(c); n.Variant.Select != "" {
			how = "select " + n.Variant.Select
		}
	} else if addrs, ports, ok := readback.DataRange(s, &e); ok {
		ranges = []inet.Range{addrs}
		if !ports.IsZero() {
			how = strings.Replace(how, "ports", "ports "+ports.String(), 1)
		}
	}
	how = strings.ReplaceAll(strings.Replace(how, "spread", "select source-destination", 1), "/", ", ")
	suffix := ""
	if how != "" {
		suffix = " (" + how + ")"
	}
	if pool == "" {
		return "laddrs " + rangesText(ranges) + suffix
	}
	p := v.pools[pool]
	if p == nil {
		p = &poolView{}
		v.pools[pool] = p
	}
	p.ranges = inet.Merge(append(p.ranges, ranges...))
	return "pool " + pool + suffix
}

// readConditional reads the zones that have chains of their own.
func (v *view) readConditional(r *nft.Ruleset, t touched) {
	for _, c := range r.Chains {
		n, _ := layout.ParseChain(c.Name)
		name := n.Object.Name
		if n.Kind != layout.ChainZone || n.Variant != (layout.Variant{}) || !t.zone(name) {
			continue
		}
		z := v.zone(name)
		z.when = conditionsText(r, name)
		z.exclude = rangesText(readback.SetRanges(r.Set, layout.Exclude, layout.Object{Of: layout.OfZone, Name: name}))
		if z.exclude == "none" {
			z.exclude = ""
		}
		for _, s := range r.Sets {
			if layout.KindOfSet(s.Name) != layout.Conditional && layout.KindOfSet(s.Name) != layout.Elsewhere {
				continue
			}
			for _, e := range s.Elements {
				if src, ok := readback.KeyRange(e); ok && slices.Contains(strings.Split(e.Verdict.Chain, "/")[1:], name) {
					z.sources = inet.Merge(append(z.sources, src))
				}
			}
		}
	}
}

// conditionsText prints what the sets of a zone with conditions hold.
func conditionsText(r *nft.Ruleset, zone string) string {
	var parts []string
	if to := readback.SetRanges(r.Set, layout.To, layout.Object{Of: layout.OfZone, Name: zone}); len(to) > 0 {
		parts = append(parts, "to "+rangesText(to))
	}
	for _, c := range []struct {
		word string
		set  layout.Kind
	}{{"ports", layout.Ports}, {"entering", layout.IIf}, {"leaving", layout.OIf}} {
		s := r.Set(c.set.Own(0, zone).String())
		if s == nil {
			continue
		}
		var words []string
		for _, e := range s.Elements {
			words = append(words, strings.ReplaceAll(strings.Trim(s.KeyString(e), `"`), " . ", "/"))
		}
		slices.Sort(words)
		parts = append(parts, c.word+" "+wordsText(words))
	}
	return strings.Join(parts, ", ")
}

func (v *view) readExcludes(r *nft.Ruleset, s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if !t.zone(e.Comment) {
			continue
		}
		list := readback.SetRanges(r.Set, layout.Exclude, readback.ExcludedBy(e.Verdict))
		v.zone(e.Comment).exclude = rangesText(list)
	}
}
