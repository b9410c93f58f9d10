package compiler

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

type zoneView struct {
	sources []inet.Range // what earlier zones leave of them
	does    string       // "laddrs guests", "drop", …
	exclude string       // the list of destinations left untranslated
	when    string       // conditions
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

// isBySource tells whether a map says what becomes of a zone's sources.
func isBySource(name string) bool {
	for _, base := range []string{mapZones, mapOwn, mapBlocks, mapMapped, mapActions, mapRejects, mapDoes, mapRefuseDoes} {
		if isKind(name, base) {
			return true
		}
	}
	return false
}

func (v view) zone(name string) *zoneView {
	if v.zones[name] == nil {
		v.zones[name] = &zoneView{}
	}
	return v.zones[name]
}

func (v view) readZones(r *nft.Ruleset, s *nft.Set, t touched) {
	for _, e := range s.Elements {
		name, pool := splitOwner(e.Comment)
		if name == "" || !t.zones[name] && !t.pools[pool] {
			continue
		}
		does := e.Verdict.String()
		switch {
		case isKind(s.Name, mapMapped):
			does = "map " + s.DataString(e)
		case isKind(s.Name, mapBlocks):
			does = v.translation(r, s, e, pool, "") + " in blocks of " + blockSize(e)
		case s.Data != nft.VerdictData:
			variant := variantOf(s.Name)
			if isKind(s.Name, mapOwn) {
				variant = strings.TrimSuffix(strings.TrimSuffix(variant, name), "/")
			}
			does = v.translation(r, s, e, pool, variant)
		case e.Verdict.Chain == chainMasquerade:
			does = "masquerade"
		case e.Verdict.Chain == chainRefused:
			does = "reject"
		case isKind(e.Verdict.Chain, chainPool):
			does = v.translation(r, s, e, pool, "")
		}
		if !t.zones[name] {
			continue
		}
		z := v.zone(name)
		if src, ok := keyRange(e); ok {
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
func (v view) translation(r *nft.Ruleset, s *nft.Set, e nft.Element, pool, variant string) string {
	var ranges []inet.Range
	how := variant
	if c := e.Verdict.Chain; c != "" {
		ranges = poolRanges(r.Set(c))
		how = ""
		if sel, ok := selectOf(strings.Split(variantOf(c), "/")); ok {
			how = "select " + string(sel)
		}
	} else if half := len(e.Data) / 2; half > 0 {
		w := s.Data.Members()[0].Width()
		from, _ := netip.AddrFromSlice([]byte(e.Data[:w]))
		to, _ := netip.AddrFromSlice([]byte(e.Data[half : half+w]))
		ranges = []inet.Range{{From: from, To: to}}
		if len(s.Data.Members()) > 1 {
			how = strings.Replace(how, "ports", "ports "+portSpan(e.Data[w:], e.Data[half+w:]), 1)
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
func (v view) readConditional(r *nft.Ruleset, t touched) {
	for name := range t.zones {
		if r.Chain(chainZone+name) == nil {
			continue
		}
		z := v.zone(name)
		z.when = conditionsText(r, name)
		z.exclude = rangesText(setRanges(r.Set, setExclude, name))
		if z.exclude == "none" {
			z.exclude = ""
		}
		for _, s := range r.Sets {
			if !isKind(s.Name, mapConditional) && !isKind(s.Name, mapElsewhere) {
				continue
			}
			for _, e := range s.Elements {
				if src, ok := keyRange(e); ok && slices.Contains(strings.Split(e.Verdict.Chain, "/")[1:], name) {
					z.sources = inet.Merge(append(z.sources, src))
				}
			}
		}
	}
}

// conditionsText prints what the sets of a zone with conditions hold.
func conditionsText(r *nft.Ruleset, zone string) string {
	var parts []string
	if to := setRanges(r.Set, setTo, zone); len(to) > 0 {
		parts = append(parts, "to "+rangesText(to))
	}
	for _, c := range []struct{ word, set string }{{"ports", setPorts}, {"entering", setIIf}, {"leaving", setOIf}} {
		s := r.Set(c.set + zone)
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

// setRanges returns what a zone's set of addresses holds.
func setRanges(find func(name string) *nft.Set, base, zone string) []inet.Range {
	var out []inet.Range
	for _, f := range inet.Families {
		if s := find(named(base, f, zone)); s != nil {
			for _, e := range s.Elements {
				if x, ok := keyRange(e); ok {
					out = append(out, x)
				}
			}
		}
	}
	return inet.Merge(out)
}

func portSpan(first, last string) string {
	return inet.PortRange{First: uint16(first[0])<<8 | uint16(first[1]), Last: uint16(last[0])<<8 | uint16(last[1])}.String()
}

// blockSize returns how many ports a source's block has.
func blockSize(e nft.Element) string {
	const port = 4 // behind the address
	half := len(e.Data) / 2
	if half < port+2 {
		return "?"
	}
	at := func(s string) int { return int(s[port])<<8 | int(s[port+1]) }
	return strconv.Itoa(at(e.Data[half:]) - at(e.Data[:half]) + 1)
}

func poolRanges(s *nft.Set) []inet.Range {
	if s == nil {
		return nil
	}
	var out []inet.Range
	for _, e := range s.Elements {
		if a, ok := netip.AddrFromSlice([]byte(e.Data)); ok {
			out = append(out, inet.AddrRange(a))
		}
	}
	return inet.Merge(out)
}

func keyRange(e nft.Element) (inet.Range, bool) {
	from, ok := netip.AddrFromSlice([]byte(e.Key))
	to, ok2 := netip.AddrFromSlice([]byte(e.KeyEnd))
	return inet.Range{From: from, To: to}, ok && ok2
}

func (v view) readExcludes(r *nft.Ruleset, s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if !t.zones[e.Comment] {
			continue
		}
		list := setRanges(r.Set, setExclude, strings.TrimPrefix(e.Verdict.Chain, chainExclude))
		v.zone(e.Comment).exclude = rangesText(list)
	}
}
