package readback

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Zone collects a zone from all maps that hold it.
type Zone struct {
	ct.Zone
	Entering []string     // interfaces on the way in that it asks for, but for patterns
	Drained  []inet.Range // laddrs written in line that only flows have
	from     []inet.Range // as far as the maps that say what it does hold it
	order    int          // among the zones with conditions, from 1 on; 0: it has none
	pools    []*Pool
	through  map[string][]*Pool // the same, by the uplinks that connections leave by
	Ways     []Way              // what it does
	Helpers  []Helper
	Uplink   string // the choice of uplinks, as policies write it; "": it makes none
	Timeouts string // that are not the gateway's, as policies write them
	MSS      string // that is not the gateway's, as policies write it
}

// From returns the sources that come to the zone, sorted.
func (z *Zone) From() []inet.Range {
	if len(z.Sources) == 0 {
		return z.from
	}
	return inet.Merge(slices.Concat(z.from, z.Sources))
}

func (rd *reading) zone(name string) *Zone {
	z := rd.zones[name]
	if z == nil {
		if len(rd.zoneRoom) == 0 {
			rd.zoneRoom = make([]Zone, min(max(4, len(rd.zones)), mostRoom))
		}
		z, rd.zoneRoom = &rd.zoneRoom[0], rd.zoneRoom[1:]
		z.Name = name
		rd.zones[name], rd.zoneList = z, append(rd.zoneList, z)
	}
	return z
}

func (rd *reading) readZones() {
	rd.each(func(s *nft.Set, e *nft.Element) {
		name, pool := layout.SplitOwner(e.Comment)
		if name == "" {
			return // no zone matches these sources
		}
		wanted := rd.wantsZone(name)
		if (wanted || rd.wantsPool(pool)) && rd.translates(s, e) {
			rd.enterNamed(pool, s, e)
		}
		if !wanted {
			return
		}
		z := rd.zone(name)
		z.New += e.Packets
		if src, ok := rd.sourceOf(s, e); ok {
			z.from = append(z.from, src)
		}
		z.does(rd, s, e, pool)
	}, layout.Zones, layout.Own, layout.Blocks, layout.Mapped, layout.Actions, layout.Rejects, layout.Does, layout.RefuseDoes)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil {
			z.New += e.Packets
		}
	}, layout.Inbound)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil && z.Exclude == nil {
			z.Exclude = rd.ranges(layout.Exclude, excludedBy(e.Verdict))
		}
	}, layout.Excludes)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil {
			z.Helpers = append(z.Helpers, rd.helper(s, e)...)
		}
	}, layout.ZoneHelpers)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil && z.Uplink == "" {
			z.Uplink = chosenBy(e.Verdict)
		}
	}, layout.Ways)
	rd.readLimits(true, func(name string) *[]ct.Limit {
		if z := rd.zones[name]; z != nil {
			return &z.Limits
		}
		return nil
	})
	for _, z := range rd.zoneList {
		if len(z.from) > 1 {
			z.from = inet.Merge(z.from)
		}
	}
	rd.readConditions()
}

// chosenBy returns the choice of uplinks that a verdict leads to.
func chosenBy(v nft.Verdict) string {
	n, _ := layout.ParseChain(v.Chain)
	if names := strings.Split(n.Variant.Then, "/"); n.Kind == layout.ChainChoose && len(names) > 1 {
		return "[" + strings.Join(names, ", ") + "]"
	}
	return n.Variant.Then
}

// does notes what one element makes of a zone's connections.
func (z *Zone) does(rd *reading, s *nft.Set, e *nft.Element, pool string) {
	switch {
	case rd.names[s].Kind == layout.Mapped:
		z.Action = "map"
		outside, _, ok := dataRange(s, e)
		if src, found := rd.sourceOf(s, e); ok && found && src.Family() == outside.Family() {
			z.Maps = []ct.Map{{Inside: prefixAround(src.From, outside), Outside: outside}}
		}
	case !rd.translates(s, e):
		z.Action = actionBy(e.Verdict)
	default:
		z.Action = "snat"
	}
	if via := rd.names[s].Variant.Via; z.Action == "snat" && rd.flows && via != "" {
		z.enterThrough(rd, s, e, pool, via)
	}
	if z.Action == "snat" || !rd.flows {
		rd.translation(&z.Ways, &z.pools, s, e, pool)
	}
}

// translates tells whether an element gives laddrs: it does nothing else, and is of no map.
func (rd *reading) translates(s *nft.Set, e *nft.Element) bool {
	return rd.names[s].Kind != layout.Mapped && (s.Data != nft.VerdictData || rd.chooses(e.Verdict))
}

// prefixAround returns the prefix of an address that is as long as another one: earlier zones
// may own a part of what a zone maps, or of what it maps to.
func prefixAround(a netip.Addr, like inet.Range) inet.Range {
	from, to, bits := a.AsSlice(), a.AsSlice(), like.From.AsSlice()
	for i, last := range like.To.AsSlice() {
		host := bits[i] ^ last
		from[i] &^= host
		to[i] |= host
	}
	first, _ := netip.AddrFromSlice(from)
	last, _ := netip.AddrFromSlice(to)
	return inet.Range{From: first, To: last}
}

// actionBy returns the action whose verdict it is.
func actionBy(v nft.Verdict) string {
	switch {
	case v.Chain == layout.ChainMasquerade.String():
		return "masquerade"
	case v.Chain == layout.ChainRefused.String():
		return "reject"
	}
	return v.String()
}

// sourceOf returns the sources of an element that is found by source: a range, a prefix or one
// address.
func (rd *reading) sourceOf(s *nft.Set, e *nft.Element) (inet.Range, bool) {
	if e.KeyEnd != "" {
		return keyRange(*e)
	}
	one, ok := keyRange(nft.Element{Key: e.Key, KeyEnd: e.Key})
	if n := rd.names[s].Variant.Bits; ok && n > 0 {
		p, err := one.From.Prefix(n)
		return inet.PrefixRange(p), err == nil
	}
	return one, ok
}

// readConditions reads what zones with conditions ask for, and which sources come to them.
func (rd *reading) readConditions() {
	var ordered []*Zone
	if s := rd.sets[layout.Conditions.String()]; s != nil {
		for i := range s.Elements {
			e := &s.Elements[i]
			if name, words := layout.SplitOwner(e.Comment); len(e.Key) == nft.Slot.Width() && rd.wantsZone(name) {
				ordered = append(ordered, rd.conditions(slotAt(s, e), name, words))
			}
		}
	}
	slices.SortFunc(ordered, func(a, b *Zone) int { return cmp.Compare(a.order, b.order) })
	rd.each(func(s *nft.Set, e *nft.Element) {
		src, ok := rd.sourceOf(s, e)
		for _, z := range triedIn(ordered, e.Verdict.Chain, src, rd.only == nil) {
			if ok {
				z.Sources = append(z.Sources, src)
			}
		}
	}, layout.Conditional, layout.Elsewhere)
}

// conditions reads the conditions of a zone: a comment says what no set holds.
func (rd *reading) conditions(order int, name, words string) *Zone {
	z := rd.zone(name)
	z.order = order + 1
	z.To = rd.ranges(layout.To, layout.Object{Of: layout.OfZone, Name: name})
	z.Exclude = rd.ranges(layout.Exclude, layout.Object{Of: layout.OfZone, Name: name})
	if s := rd.sets[layout.Ports.Own(0, name).String()]; s != nil {
		z.Ports = portsIn(s)
	}
	list := strings.Fields(words)
	for _, word := range list {
		if p, err := inet.ParseProto(word); err == nil {
			z.Ports = append(z.Ports, inet.ProtoPorts{Proto: p})
		}
	}
	z.OIf = rd.leavesBy(name, list)
	z.Entering = rd.interfaces(layout.IIf, name)
	z.IIf = z.Entering != nil || slices.Contains(list, layout.IIfPattern) ||
		z.OIf == nil && slices.Contains(list, layout.Interfaces)
	return z
}

// leavesBy returns the interfaces on the way out that a zone asks for, sorted; nil if it asks for
// none, or if the table has no room to tell.
func (rd *reading) leavesBy(zone string, words []string) []string {
	if slices.Contains(words, layout.OIfPatterns) {
		return nil
	}
	out := rd.interfaces(layout.OIf, zone)
	for _, word := range words {
		if pattern, ok := strings.CutPrefix(word, layout.OIfPattern); ok {
			out = append(out, pattern)
		}
	}
	slices.Sort(out)
	return out
}

// interfaces returns the names in a zone's set of interfaces.
func (rd *reading) interfaces(kind layout.Kind, zone string) (names []string) {
	s := rd.sets[kind.Own(0, zone).String()]
	if s == nil {
		return nil
	}
	for i := range s.Elements {
		if name := strings.TrimRight(s.Elements[i].Key, "\x00"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// triedIn returns the zones that a chain tries: it bears their names, or the first's and how
// many more there are. These are the next that have the sources, since where zones are
// behind a plain one with the same sources, none of them is tried. Of zones that are not all,
// nobody knows which are the next: then these are all that have the sources.
func triedIn(ordered []*Zone, chain string, src inet.Range, all bool) []*Zone {
	names := strings.Split(chain, "/")[1:]
	most := len(names)
	if len(names) == 2 {
		if n, _, ok := strings.Cut(names[1], "-more-"); ok {
			more, _ := strconv.Atoi(n)
			most, names = more+1, nil
		}
	}
	if !all {
		most = len(ordered)
	}
	var out []*Zone
	for _, z := range ordered {
		tried := slices.Contains(names, z.Name)
		if names == nil {
			tried = len(inet.Subtract([]inet.Range{src}, z.from)) == 0
		}
		if tried && len(out) < most {
			out = append(out, z)
		}
	}
	return out
}

// portsIn reads a set of protocols and ports.
func portsIn(s *nft.Set) []inet.ProtoPorts {
	var out []inet.ProtoPorts
	for i := range s.Elements {
		if e := &s.Elements[i]; len(e.Key) == nft.Proto.Width()+nft.Service.Width() && len(e.KeyEnd) == len(e.Key) {
			at := nft.Proto.Width()
			out = append(out, inet.ProtoPorts{Proto: inet.Proto(e.Key[0]), Ports: inet.PortRange{First: portAt(e.Key, at), Last: portAt(e.KeyEnd, at)}})
		}
	}
	return out
}

func (rd *reading) boundZones() []ct.Zone {
	zones, interfaces := slices.Clone(rd.zoneList), rd.uplinkInterfaces()
	for _, z := range zones {
		if z.order == 0 {
			z.Sources = z.from
		}
		z.Sources = inet.Merge(z.Sources)
		z.Pools = rd.finish(z.pools, layout.Object{Of: layout.OfZone, Name: z.Name})
		z.Through = rd.throughs(z, interfaces)
	}
	slices.SortFunc(zones, func(a, b *Zone) int {
		// Those without conditions come last; order-1 makes them the largest number.
		return cmp.Or(cmp.Compare(uint(a.order-1), uint(b.order-1)), strings.Compare(a.Name, b.Name))
	})
	out := make([]ct.Zone, len(zones))
	for i, z := range zones {
		out[i] = z.Zone
	}
	return out
}
