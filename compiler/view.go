package compiler

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// view is a table read back as policy objects: what a policy says, as far as the table
// holds it. Live and wanted tables are read by the same code, so that equal ones look equal.
type view struct {
	zones    map[string]*zoneView
	services map[string]*serviceView
	pools    map[string]*poolView
}

type zoneView struct {
	sources []inet.Range // what earlier zones leave of them
	does    string       // "laddrs guests", "drop", …
	exclude string       // the list of destinations left untranslated
	when    string       // conditions
}

type serviceView struct {
	ports   map[string]bool // "203.0.113.10 tcp/80"
	does    string          // mode and laddrs
	sched   map[inet.Family]string
	sticky  map[inet.Family]string // persistence
	allowed []inet.Range           // sources; none: everyone
	servers map[serverKey]*serverView
}

// serverKey tells a service's real servers apart. One that takes clients at the port that
// they called has another port in each of the service's keys, and port 0 here.
type serverKey struct {
	addr netip.Addr
	port uint16
}

func (k serverKey) String() string {
	if k.port == 0 {
		return k.addr.String()
	}
	return netip.AddrPortFrom(k.addr, k.port).String()
}

func (k serverKey) compare(o serverKey) int {
	return cmp.Or(k.addr.Compare(o.addr), cmp.Compare(k.port, o.port))
}

// serverView counts a real server's slots at one of its service's ports.
type serverView struct {
	slots int
	first string // the key that is counted
}

type poolView struct {
	ranges []inet.Range
}

// touched is the names of the objects that a difference is about.
type touched struct {
	zones, services, pools map[string]bool
	strays                 []string // elements that belong to none
	unmatched              bool     // so do sources that no zone matches
}

// owners finds the service of a key in the slot maps.
type owners map[string]string

func ownersOf(r *nft.Ruleset) owners {
	o := make(owners)
	if r == nil {
		return o
	}
	for _, s := range r.Sets {
		if !isKind(s.Name, mapServices) {
			continue
		}
		for _, e := range s.Elements {
			o[e.Key+e.KeyEnd] = e.Comment
		}
	}
	return o
}

// of returns the service that a slot belongs to: the key less the slot, for ranges at
// both ends.
func (o owners) of(e nft.Element) string {
	return o[slotOwner(e)]
}

func slotOwner(e nft.Element) string {
	w := nft.Slot.Width()
	if len(e.Key) < w {
		return ""
	}
	key := e.Key[:len(e.Key)-w]
	if len(e.KeyEnd) >= w {
		key += e.KeyEnd[:len(e.KeyEnd)-w]
	}
	return key
}

// isKind tells whether a name is that of a map of a kind, in some family and variant.
func isKind(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && (strings.HasPrefix(rest, "4") || strings.HasPrefix(rest, "6"))
}

func isSlots(name string) bool { return isKind(name, mapTurns) || isKind(name, mapSlots) }

// variantOf returns what stands behind the family in a map's name: "ports/random".
func variantOf(name string) string {
	_, v, _ := strings.Cut(name, "/")
	return v
}

// poolNameOf returns the pool that a map or chain of a pool belongs to: its name, or "" for
// one written in line.
func poolNameOf(name string) (pool string, ok bool) {
	if !isKind(name, chainPool) {
		return "", false
	}
	parts := strings.Split(name, "/")[1:]
	if _, ok := selectOf(parts); ok {
		parts = parts[1:]
	}
	if len(parts) != 1 {
		return "", true
	}
	return parts[0], true
}

// selectOf returns the selection that a pool's chain is named after, of its name's parts
// behind the family.
func selectOf(parts []string) (policy.Select, bool) {
	for sel, name := range selectNames {
		if len(parts) > 1 && parts[0] == name {
			return sel, true
		}
	}
	return policy.SelectSource, false
}

// look reads the touched objects out of a table.
func look(r *nft.Ruleset, t touched) view {
	v := view{make(map[string]*zoneView), make(map[string]*serviceView), make(map[string]*poolView)}
	if r == nil {
		return v
	}
	o := ownersOf(r)
	for _, s := range r.Sets {
		switch {
		case isKind(s.Name, mapServices):
			v.readServices(s, t)
		case isKind(s.Name, mapScheduled):
			v.readScheduled(s, t)
		case isKind(s.Name, mapPermitted):
			v.readPermitted(s, t)
		case isKind(s.Name, mapRemember):
			v.readRemember(s, t)
		case isSlots(s.Name):
			v.readSlots(s, o, t)
		case isKind(s.Name, mapTable):
			v.readTable(s, t)
		case isKind(s.Name, mapLaddrs), isKind(s.Name, mapLaddrsIn):
			v.readLaddrs(r, s, t)
		case isBySource(s.Name):
			v.readZones(r, s, t)
		case isKind(s.Name, mapExcludes):
			v.readExcludes(r, s, t)
		}
	}
	v.readConditional(r, t)
	for _, z := range v.zones {
		z.does = withoutShadows(z.does)
	}
	for _, s := range r.Sets {
		if pool, ok := poolNameOf(s.Name); ok && v.pools[pool] != nil {
			v.pools[pool].ranges = inet.Merge(append(v.pools[pool].ranges, poolRanges(s)...))
		}
	}
	return v
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
	for _, base := range []string{mapZones, mapOwn, mapBlocks, mapMapped, mapActions, mapRejects} {
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

func (v view) service(name string) *serviceView {
	if v.services[name] == nil {
		v.services[name] = &serviceView{ports: make(map[string]bool), sched: make(map[inet.Family]string), sticky: make(map[inet.Family]string), servers: make(map[serverKey]*serverView), does: "nat"}
	}
	return v.services[name]
}

func familyOfMap(s *nft.Set) inet.Family {
	if len(s.Key) > 0 && s.Key[0] == nft.IPv6 {
		return inet.V6
	}
	return inet.V4
}

// portText prints VIP, protocol and ports of a service's key.
func portText(s *nft.Set, e nft.Element) string {
	w := s.Key[0].Width()
	vip, ok := netip.AddrFromSlice([]byte(e.Key[:w]))
	if !ok || len(e.Key) < s.KeyWidth() || len(s.Key) < 2 {
		return s.KeyString(e)
	}
	p := inet.ProtoPorts{Proto: inet.Proto(e.Key[w]), Ports: inet.AnyPort}
	if at := w + nft.Proto.Width(); len(s.Key) > 2 {
		p.Ports.First = uint16(e.Key[at])<<8 | uint16(e.Key[at+1])
		if p.Ports.Last = p.Ports.First; len(e.KeyEnd) == len(e.Key) {
			p.Ports.Last = uint16(e.KeyEnd[at])<<8 | uint16(e.KeyEnd[at+1])
		}
	}
	return vip.String() + " " + p.String()
}

func (v view) readServices(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if !t.services[e.Comment] {
			continue
		}
		sv := v.service(e.Comment)
		sv.ports[portText(s, e)] = true
		if name := e.Verdict.Chain; name != chainGuarded && !isKind(name, mapSticky) {
			sv.sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
	}
}

// readScheduled reads the schedulers behind the look for a client's real server.
func (v view) readScheduled(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if t.services[e.Comment] {
			v.service(e.Comment).sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
	}
}

// readPermitted reads who may use a service.
func (v view) readPermitted(s *nft.Set, t touched) {
	w := s.Key[0].Width()
	for _, e := range s.Elements {
		if !t.services[e.Comment] || e.Verdict.Kind == nft.Drop || len(e.Key) < w || len(e.KeyEnd) < w {
			continue
		}
		sv := v.service(e.Comment)
		if !isKind(e.Verdict.Chain, mapSticky) {
			sv.sched[familyOfMap(s)] = schedulerOf(e.Verdict)
		}
		if r, ok := keyRange(nft.Element{Key: e.Key[:w], KeyEnd: e.KeyEnd[:w]}); ok {
			sv.allowed = inet.Merge(append(sv.allowed, r))
		}
	}
}

// readRemember reads how long clients stay with their real server, from the name of the
// chain that enters them: remember4/300s/24.
func (v view) readRemember(s *nft.Set, t touched) {
	for _, e := range s.Elements {
		if parts := strings.Split(e.Verdict.Chain, "/"); t.services[e.Comment] && len(parts) >= 3 {
			v.service(e.Comment).sticky[familyOfMap(s)] = "persistence " + parts[len(parts)-2] + " by /" + parts[len(parts)-1]
		}
	}
}

// schedulerOf tells the scheduler, or what an empty service does, from where its VIPs lead.
func schedulerOf(v nft.Verdict) string {
	switch {
	case v.Kind == nft.Accept:
		return "no real servers: pass"
	case v.Kind == nft.Drop:
		return "no real servers: drop"
	case v.Chain == chainRefused:
		return "no real servers: reject"
	}
	name, _, _ := strings.Cut(v.Chain, "-")
	return strings.TrimRight(name, "46")
}

func (v view) readSlots(s *nft.Set, o owners, t touched) {
	for _, e := range s.Elements {
		name := o.of(e)
		if !t.services[name] || len(e.Data) < s.Data.Members()[0].Width() {
			continue
		}
		w := s.Data.Members()[0].Width()
		addr, _ := netip.AddrFromSlice([]byte(e.Data[:w]))
		own, port := true, uint16(0)
		if len(e.Data) > w { // the map says which port
			port = uint16(e.Data[w])<<8 | uint16(e.Data[w+1])
			at := s.Key[0].Width() + nft.Proto.Width()
			own = len(s.Key) > 3 && e.KeyEnd == "" && e.Key[at:at+2] == e.Data[w:w+2]
		}
		if own {
			port = 0
		}
		v.service(name).server(serverKey{addr, port}, slotOwner(e))
	}
}

// readTable reads the slots of a service that has a map of its own.
func (v view) readTable(s *nft.Set, t touched) {
	name, w := variantOf(s.Name), s.Data.Members()[0].Width()
	if !t.services[name] {
		return
	}
	for _, e := range s.Elements {
		if len(e.Data) < w {
			continue
		}
		addr, _ := netip.AddrFromSlice([]byte(e.Data[:w]))
		k := serverKey{addr: addr}
		if len(e.Data) > w+1 {
			k.port = uint16(e.Data[w])<<8 | uint16(e.Data[w+1])
		}
		v.service(name).server(k, "")
	}
}

// server counts a slot, at the first of the service's keys that it stands in.
func (sv *serviceView) server(k serverKey, at string) {
	rs := sv.servers[k]
	if rs == nil {
		rs = &serverView{first: at}
		sv.servers[k] = rs
	}
	if rs.first == at {
		rs.slots++
	}
}

// share is a part of a service's new connections, in lowest terms.
type share struct{ slots, of int }

func (s share) String() string {
	g := gcd(s.slots, s.of)
	return fmt.Sprintf("%d/%d", s.slots/g, s.of/g)
}

// shares returns what each real server gets of its family's connections.
func (sv *serviceView) shares() map[serverKey]share {
	total := map[inet.Family]int{}
	for k, rs := range sv.servers {
		total[inet.FamilyOf(k.addr)] += rs.slots
	}
	out := make(map[serverKey]share, len(sv.servers))
	for k, rs := range sv.servers {
		out[k] = share{rs.slots, total[inet.FamilyOf(k.addr)]}
	}
	return out
}

func (v view) readLaddrs(r *nft.Ruleset, s *nft.Set, t touched) {
	variant := variantOf(s.Name)
	for _, kind := range []portKind{portRanges, allPorts} {
		variant = strings.TrimPrefix(strings.TrimPrefix(variant, kind.variant()), "/")
	}
	for _, e := range s.Elements {
		name, pool := splitOwner(e.Comment)
		if !t.services[name] && !t.pools[pool] {
			continue
		}
		how := v.translation(r, s, e, pool, variant)
		if t.services[name] {
			v.service(name).does = join(v.service(name).does, "fullnat", how)
		}
	}
}

// join collects what a service does; parts that it has already are not repeated.
func join(does, mode, how string) string {
	if does == "nat" {
		return mode + " with " + how
	}
	if strings.Contains(does, how) {
		return does
	}
	return does + "; " + how
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
		does := r.Chain(chainZone + name + "/does")
		if does == nil {
			continue
		}
		z := v.zone(name)
		if z.does == "" && len(does.Rules) > 0 {
			z.does = v.actionOf(r, does.Rules)
			if c := r.Chain(whereRefused.name + chainZone + name + "/does"); c != nil && strings.Contains(c.Rules[len(c.Rules)-1].String(), chainRefused) {
				z.does = "reject"
			}
		}
		z.when = conditionsText(r, name)
		z.exclude = rangesText(setRanges(r, setExclude, name))
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

// actionOf tells what the rules of a zone with conditions do: the verdict that the last gives,
// or the laddrs of the pools that they lead to.
func (v view) actionOf(r *nft.Ruleset, rules []nft.Rule) string {
	var laddrs []string
	for _, rule := range rules {
		for _, s := range rule.Stmts {
			if g, ok := s.(nft.Give); ok && isKind(g.Verdict.Chain, chainPool) {
				pool, _ := poolNameOf(g.Verdict.Chain)
				how := v.translation(r, nil, nft.Element{Verdict: g.Verdict}, pool, "")
				if !slices.Contains(laddrs, how) {
					laddrs = append(laddrs, how)
				}
			}
		}
	}
	if len(laddrs) > 0 {
		return strings.Join(laddrs, "; ")
	}
	return rules[len(rules)-1].String()
}

// conditionsText prints what the sets of a zone with conditions hold.
func conditionsText(r *nft.Ruleset, zone string) string {
	var parts []string
	if to := setRanges(r, setTo, zone); len(to) > 0 {
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
func setRanges(r *nft.Ruleset, base, zone string) []inet.Range {
	var out []inet.Range
	for _, f := range inet.Families {
		if s := r.Set(named(base, f, zone)); s != nil {
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
		list := setRanges(r, setExclude, strings.TrimPrefix(e.Verdict.Chain, chainExclude))
		v.zone(e.Comment).exclude = rangesText(list)
	}
}

// rangesText prints ranges sorted, separated by commas, the tail of long lists counted.
func rangesText(rs []inet.Range) string {
	if len(rs) == 0 {
		return "none"
	}
	rs = slices.Clone(rs)
	slices.SortFunc(rs, inet.Range.Compare)
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = r.String()
	}
	return wordsText(words)
}

const mostWords = 6

func wordsText(words []string) string {
	if len(words) > mostWords {
		return strings.Join(words[:mostWords], ", ") + fmt.Sprintf(" and %d more", len(words)-mostWords)
	}
	return strings.Join(words, ", ")
}
