package compiler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Change is what a difference means for one policy object.
type Change struct {
	Action Action `json:"action"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"` // of a real server: its service, a slash, and its address
	Detail string `json:"detail"`
}

// Action says what happens to an object.
type Action string

// The actions.
const (
	AddObject    Action = "add"
	RemoveObject Action = "remove"
	ChangeObject Action = "change"
)

// Mark returns the sign that a diff prints: + - ~.
func (a Action) Mark() string {
	return map[Action]string{AddObject: "+", RemoveObject: "-", ChangeObject: "~"}[a]
}

// Kind is a kind of policy object.
type Kind string

// The kinds, in the order in which they are listed.
const (
	KindGateway    Kind = "gateway"
	KindPool       Kind = "pool"
	KindZone       Kind = "zone"
	KindService    Kind = "service"
	KindRealServer Kind = "real_server" // listed below its service
)

// Changes tells what a plan means for the objects of the policy. live is nil where there is
// no table yet. Whatever the plan does that no object accounts for, such as undoing what
// somebody did to the table by hand, is a change of the gateway.
func Changes(live, want *nft.Ruleset, plan nft.Plan) []Change {
	if plan.Empty() {
		return nil
	}
	t := touchedBy(live, want, plan)
	was, will := look(live, t), look(want, t)
	c := changes{table: want.Table}
	c.gateway(live, want, plan, t)
	for _, name := range both(was.pools, will.pools, compareNatural) {
		c.pool(name, was.pools[name], will.pools[name])
	}
	for _, name := range both(was.zones, will.zones, compareNatural) {
		c.zone(name, was.zones[name], will.zones[name])
	}
	for _, name := range both(was.services, will.services, compareNatural) {
		c.service(name, was.services[name], will.services[name])
	}
	if len(c.list) == 0 {
		c.add(ChangeObject, KindGateway, want.Table, "the table differs from what the policy makes: "+tally(plan))
	}
	return c.list
}

// touchedBy finds the objects that a plan's elements belong to.
func touchedBy(live, want *nft.Ruleset, plan nft.Plan) touched {
	t := touched{zones: make(map[string]bool), services: make(map[string]bool), pools: make(map[string]bool)}
	var was, will owners
	for _, op := range plan.Ops {
		if op.Set == nil {
			if zone, ok := conditionalChain(op.Chain.Name); ok {
				t.zones[zone] = true
			}
			continue
		}
		name := op.Set.Name
		if isKind(name, mapTable) {
			t.services[variantOf(name)] = true
		}
		for _, base := range []string{setPorts, setIIf, setOIf} {
			if zone, ok := strings.CutPrefix(name, base); ok {
				t.zones[zone] = true
			}
		}
		for _, base := range []string{setTo, setFrom, setExclude} {
			if isKind(name, base) {
				t.zones[variantOf(name)] = true
			}
		}
		if pool, ok := poolNameOf(name); ok {
			t.pools[pool] = pool != ""
			if pool == "" {
				t.inline(name)
			}
		}
		if isSlots(name) && was == nil {
			was, will = ownersOf(live), ownersOf(want)
		}
		for _, e := range op.Elements {
			owner, pool := splitOwner(e.Comment)
			if isSlots(name) {
				owner, pool = cmp.Or(will.of(e), was.of(e)), ""
			}
			t.stray(op, e, owner)
			switch {
			case isSlots(name):
				t.services[owner] = true
			case isKind(name, mapServices), isKind(name, mapLaddrs), isKind(name, mapLaddrsIn),
				isKind(name, mapScheduled), isKind(name, mapPermitted), isKind(name, mapRemember):
				t.services[owner] = true
			case isBySource(name), isKind(name, mapExcludes), isKind(name, mapInbound), isKind(name, mapConditional), isKind(name, mapElsewhere):
				t.zones[owner] = true
			case strings.HasPrefix(name, setExclude):
				t.excluding(live, name)
				t.excluding(want, name)
			}
			if pool != "" {
				t.pools[pool] = true
			}
		}
	}
	delete(t.zones, "")
	delete(t.services, "")
	delete(t.pools, "")
	return t
}

// conditionalChain returns the zone with conditions that a chain belongs to.
func conditionalChain(name string) (zone string, ok bool) {
	name = strings.TrimPrefix(name, whereRefused.name)
	zone, ok = strings.CutPrefix(name, chainZone)
	return strings.TrimSuffix(zone, "/does"), ok
}

// stray notes an element that belongs to no object: somebody added it by hand. What no zone
// matches is entered without an owner too.
func (t *touched) stray(op nft.Op, e nft.Element, owner string) {
	name := op.Set.Name
	switch {
	case owner != "" || op.Set.Data == nft.NoData || isKind(name, chainPool) || isKind(name, mapTable):
	case isKind(name, mapRejects) && e.Verdict.Chain == chainRefused:
		t.unmatched = true
	case op.Mark == nft.Delete:
		t.strays = append(t.strays, fmt.Sprintf("- element %s of %s, which is not the policy's", op.Set.ElementString(e), name))
	}
}

// inline notes the zone or service whose own pool a map holds.
func (t touched) inline(mapName string) {
	parts := strings.Split(mapName, "/")
	if n := len(parts); n >= 3 && parts[n-2] == "zone" {
		t.zones[parts[n-1]] = true
	} else if n >= 3 {
		t.services[parts[n-1]] = true
	}
}

// excluding notes the zones that use a list of excluded destinations.
func (t touched) excluding(r *nft.Ruleset, set string) {
	if r == nil {
		return
	}
	chain := chainExclude + variantOf(set)
	for _, s := range r.Sets {
		if !isKind(s.Name, mapExcludes) {
			continue
		}
		for _, e := range s.Elements {
			if e.Verdict.Chain == chain {
				t.zones[e.Comment] = true
			}
		}
	}
}

type changes struct {
	table string
	list  []Change
}

func (c *changes) add(a Action, k Kind, name, detail string) {
	c.list = append(c.list, Change{a, k, name, detail})
}

// gateway reports what concerns the table as a whole: uplinks, and rules that are not the
// policy's.
func (c *changes) gateway(live, want *nft.Ruleset, plan nft.Plan, t touched) {
	switch plan.Whole {
	case nft.Create:
		c.add(AddObject, KindGateway, c.table, "new table inet "+c.table)
		return
	case nft.Replace:
		c.add(ChangeObject, KindGateway, c.table, "table is made anew: "+plan.Reason)
		return
	case nft.Wake:
		c.add(ChangeObject, KindGateway, c.table, "table is switched on again (it was dormant)")
	}
	var details []string
	for _, op := range plan.Ops {
		if op.Set == nil || op.Set.Name != setUplinks {
			continue
		}
		for _, e := range op.Elements {
			details = append(details, fmt.Sprintf("%c uplink %s", op.Mark, strings.Trim(op.Set.KeyString(e), `"`)))
		}
	}
	details = append(details, ruleChanges(plan)...)
	if t.unmatched {
		details = append(details, "what no zone matches: sources that are rejected change")
	}
	details = append(details, t.strays...)
	details = append(details, strangers(live, want)...)
	for _, d := range details {
		c.add(ChangeObject, KindGateway, c.table, d)
	}
}

// ruleChanges lists rules that appear or vanish in the chains that every table has. Rules
// that a plan deletes and adds again, because one before them changed, are no change; nor
// are those that come or go with their chain or the map that they look into.
func ruleChanges(plan nft.Plan) []string {
	type rule struct{ chain, form string }
	count := make(map[rule]int)
	for _, op := range plan.Ops {
		for _, r := range op.Rules {
			if op.Mark == nft.Add {
				count[rule{op.Chain.Name, r.Form}]++
			} else {
				count[rule{op.Chain.Name, r.Form}]--
			}
		}
	}
	type part struct {
		mark nft.Mark
		name string // of a chain or map
	}
	whole := make(map[part]bool)
	for _, op := range plan.Ops {
		switch {
		case op.Set != nil && op.Elements == nil:
			whole[part{op.Mark, op.Set.Name}] = true
		case op.Set == nil && op.Rules == nil:
			whole[part{op.Mark, op.Chain.Name}] = true
		}
	}
	var out []string
	for _, op := range plan.Ops {
		if op.Chain == nil || !slices.Contains(chainOrder, op.Chain.Name) || whole[part{op.Mark, op.Chain.Name}] {
			continue
		}
		for _, r := range op.Rules {
			if whole[part{op.Mark, mapOf(r)}] {
				continue
			}
			id := rule{op.Chain.Name, r.Form}
			if n := count[id]; n < 0 && op.Mark == nft.Delete || n > 0 && op.Mark == nft.Add {
				out = append(out, fmt.Sprintf("chain %s: %c %s", op.Chain.Name, op.Mark, ruleText(r)))
				count[id] -= map[bool]int{true: 1, false: -1}[n > 0]
			}
		}
	}
	return out
}

// mapOf returns the set or map that a rule looks into; "" where it has none.
func mapOf(r nft.Rule) string {
	for _, s := range r.Stmts {
		switch s := s.(type) {
		case nft.Vmap:
			return s.Map
		case nft.NAT:
			return s.Map
		case nft.InSet:
			return s.Set
		}
	}
	return ""
}

func ruleText(r nft.Rule) string {
	if len(r.Stmts) > 0 {
		return r.String()
	}
	return fmt.Sprintf("the rule with handle %d, which the policy does not make (`nft -a list chain` shows it)", r.Handle)
}

// strangers lists sets and chains in the kernel that no policy makes.
func strangers(live, want *nft.Ruleset) []string {
	var out []string
	known := append([]string{setExclude + "4", setExclude + "6"}, setOrder...)
	ours := func(name string) bool {
		return slices.ContainsFunc(known, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	for _, s := range live.Sets {
		if want.Set(s.Name) == nil && !ours(s.Name) {
			out = append(out, "- set "+s.Name+", which snatctl did not make")
		}
	}
	known = append(known, chainOrder...)
	for _, scheduler := range []policy.Scheduler{policy.RoundRobin, policy.WeightedRoundRobin, policy.Random, policy.SourceHash, policy.DestinationHash, policy.Maglev} {
		known = append(known, string(scheduler)+"4-", string(scheduler)+"6-")
	}
	for _, ch := range live.Chains {
		if !ours(ch.Name) && want.Chain(ch.Name) == nil {
			out = append(out, "- chain "+ch.Name+", which snatctl did not make")
		}
	}
	return out
}

func (c *changes) pool(name string, was, will *poolView) {
	switch {
	case was == nil:
		c.add(AddObject, KindPool, name, rangesText(will.ranges))
	case will == nil:
		c.add(RemoveObject, KindPool, name, rangesText(was.ranges))
	case !slices.Equal(was.ranges, will.ranges):
		c.add(ChangeObject, KindPool, name, rangeChanges("", was.ranges, will.ranges))
	}
}

// rangeChanges says what comes and what goes.
func rangeChanges(what string, was, will []inet.Range) string {
	var parts []string
	if more := inet.Subtract(will, was); len(more) > 0 {
		parts = append(parts, "+ "+rangesText(more))
	}
	if less := inet.Subtract(was, will); len(less) > 0 {
		parts = append(parts, "- "+rangesText(less))
	}
	return strings.TrimSpace(what + " " + strings.Join(parts, " "))
}

func (c *changes) zone(name string, was, will *zoneView) {
	switch {
	case was == nil:
		c.add(AddObject, KindZone, name, rangesText(inet.Merge(will.sources))+" → "+will.describe())
	case will == nil:
		c.add(RemoveObject, KindZone, name, rangesText(inet.Merge(was.sources))+" → "+was.describe())
	default:
		var parts []string
		if d := rangeChanges("from", was.sources, will.sources); d != "from" {
			parts = append(parts, d)
		}
		if was.does != will.does {
			parts = append(parts, was.does+" → "+will.does)
		}
		if was.when != will.when {
			parts = append(parts, fmt.Sprintf("%s → %s", cmp.Or(was.when, "always"), cmp.Or(will.when, "always")))
		}
		if was.exclude != will.exclude {
			parts = append(parts, fmt.Sprintf("exclude %s → %s", cmp.Or(was.exclude, "none"), cmp.Or(will.exclude, "none")))
		}
		if len(parts) > 0 {
			c.add(ChangeObject, KindZone, name, strings.Join(parts, "; "))
		}
	}
}

func (z *zoneView) describe() string {
	if z.when != "" {
		return z.does + ", " + z.when + z.except()
	}
	return z.does + z.except()
}

func (z *zoneView) except() string {
	if z.exclude != "" {
		return ", except to " + z.exclude
	}
	return ""
}

func (c *changes) service(name string, was, will *serviceView) {
	switch {
	case was == nil:
		c.add(AddObject, KindService, name, will.describe())
		was = &serviceView{}
	case will == nil:
		c.add(RemoveObject, KindService, name, was.describe())
		will = &serviceView{}
	default:
		if parts := serviceChanges(was, will); len(parts) > 0 {
			c.add(ChangeObject, KindService, name, strings.Join(parts, "; "))
		}
	}
	c.servers(name, was.shares(), will.shares())
}

func (c *changes) servers(service string, old, now map[serverKey]share) {
	for _, rs := range both(old, now, serverKey.compare) {
		id := service + "/" + rs.String()
		switch a, b := old[rs], now[rs]; {
		case a.slots == 0:
			c.add(AddObject, KindRealServer, id, "share "+b.String())
		case b.slots == 0:
			c.add(RemoveObject, KindRealServer, id, "share "+a.String())
		case a.slots*b.of != b.slots*a.of && len(old) == len(now):
			c.add(ChangeObject, KindRealServer, id, fmt.Sprintf("share %s → %s", a, b))
		}
	}
}

func (sv *serviceView) describe() string {
	text := wordsText(slices.SortedFunc(maps.Keys(sv.ports), compareNatural)) + ", " + sv.does + ", " + byFamily(sv.sched)
	if sticky := byFamily(sv.sticky); sticky != "" {
		text += ", " + sticky
	}
	if len(sv.allowed) > 0 {
		text += ", only from " + rangesText(sv.allowed)
	}
	return text
}

// byFamily prints what holds for the families, once where it is the same.
func byFamily(m map[inet.Family]string) string {
	four, six := m[inet.V4], m[inet.V6]
	switch {
	case six == "" || four == six:
		return four
	case four == "":
		return six
	}
	return four + " (IPv4), " + six + " (IPv6)"
}

func serviceChanges(was, will *serviceView) []string {
	var parts []string
	if more := missing(will.ports, was.ports); len(more) > 0 {
		parts = append(parts, "+ "+wordsText(more))
	}
	if less := missing(was.ports, will.ports); len(less) > 0 {
		parts = append(parts, "- "+wordsText(less))
	}
	if was.does != will.does {
		parts = append(parts, was.does+" → "+will.does)
	}
	if a, b := byFamily(was.sched), byFamily(will.sched); a != b {
		parts = append(parts, cmp.Or(a, "none")+" → "+cmp.Or(b, "none"))
	}
	if a, b := byFamily(was.sticky), byFamily(will.sticky); a != b {
		parts = append(parts, cmp.Or(a, "no persistence")+" → "+cmp.Or(b, "no persistence"))
	}
	if !slices.Equal(was.allowed, will.allowed) {
		parts = append(parts, "only from "+allowedText(was)+" → "+allowedText(will))
	}
	return parts
}

func allowedText(sv *serviceView) string {
	if len(sv.allowed) == 0 {
		return "everywhere"
	}
	return rangesText(sv.allowed)
}

// missing returns what stands in a and not in b, sorted.
func missing(a, b map[string]bool) []string {
	var out []string
	for k := range a {
		if !b[k] {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, compareNatural)
	return out
}

// both returns the keys of two maps, sorted.
func both[K comparable, V any](a, b map[K]V, compare func(K, K) int) []K {
	out := make([]K, 0, max(len(a), len(b)))
	for k := range a {
		out = append(out, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, compare)
	return out
}

func tally(plan nft.Plan) string {
	rules, elements := plan.Counts()
	return fmt.Sprintf("%d rules and %d elements to add, %d and %d to delete", rules.Add, elements.Add, rules.Delete, elements.Delete)
}
