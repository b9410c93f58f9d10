// Package tell says in the policy's words what a plan for our table means: which objects are
// added, removed and changed, and how.
package tell

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
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
	KindAddress    Kind = "address"     // of routes and interfaces, not of the table
	KindUplink     Kind = "uplink"
	KindNode       Kind = "node"           // another one, that drains
	KindClients    Kind = "client_address" // of programs at interfaces, not of the table
	KindAnnounced  Kind = "announcement"   // of routes that routers are told of, not of the table
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
	c.chance(live, want)
	for _, name := range both(was.pools, will.pools) {
		c.pool(name, was.pools[name], will.pools[name], plan)
	}
	for _, name := range merged(was.zoneNames, will.zoneNames) {
		c.zone(name, was.zones[name], will.zones[name])
	}
	c.list = slices.Grow(c.list, 4*max(len(was.services), len(will.services))) // about as many as there are
	for _, name := range merged(was.serviceNames, will.serviceNames) {
		told := len(c.list)
		c.service(name, was.services[name], will.services[name])
		if t.slots[name] && len(c.list) == told && plan.Whole == nft.Keep {
			c.add(ChangeObject, KindService, name, "its real servers take turns in another order")
		}
	}
	if len(c.list) == 0 {
		c.add(ChangeObject, KindGateway, want.Table, "the table differs from what the policy makes: "+tally(plan))
	}
	return c.list
}

type changes struct {
	table string
	list  []Change
	text  []byte // room to put a name together

	share    share // the last that was printed: those of one service are mostly equal
	fraction string
}

func (c *changes) add(a Action, k Kind, name, detail string) {
	c.list = append(c.list, Change{a, k, name, detail})
}

// rulesOf tells whether a plan changes the rules of a pool's chain, which exists before and after.
func rulesOf(plan nft.Plan, pool string) bool {
	marks := make(map[nft.Mark]bool)
	for _, op := range plan.Ops {
		if op.Chain != nil && op.Rules != nil {
			if name, ok := poolNameOf(op.Chain.Name); ok && name == pool {
				marks[op.Mark] = true
			}
		}
	}
	return marks[nft.Add] && marks[nft.Delete]
}

func (c *changes) pool(name string, was, will *readback.Pool, plan nft.Plan) {
	switch {
	case was == nil:
		c.add(AddObject, KindPool, name, poolText(will))
	case will == nil:
		c.add(RemoveObject, KindPool, name, poolText(was))
	default:
		if d := poolChanges(was, will); d != "" {
			c.add(ChangeObject, KindPool, name, d)
		} else if rulesOf(plan, name) {
			c.add(ChangeObject, KindPool, name, "its source ports are chosen in another way")
		}
	}
}

func poolText(p *readback.Pool) string {
	return rangesText(p.Laddrs) + drainText(p.Drained)
}

// poolChanges tells laddrs that begin or cease to drain from those that come and go.
func poolChanges(was, will *readback.Pool) string {
	parts := []string{rangeChanges("", slices.Concat(was.Drained, was.Laddrs), slices.Concat(will.Drained, will.Laddrs))}
	if drains := common(was.Laddrs, will.Drained); len(drains) > 0 {
		parts = append(parts, rangesText(drains)+" drains")
	}
	if back := common(was.Drained, will.Laddrs); len(back) > 0 {
		parts = append(parts, rangesText(back)+" takes new connections again")
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// common returns the addresses that are in both lists.
func common(a, b []inet.Range) []inet.Range { return inet.Subtract(a, inet.Subtract(a, b)) }

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

func (c *changes) zone(name string, was, will *readback.Zone) {
	switch {
	case was == nil:
		c.add(AddObject, KindZone, name, rangesText(will.From())+" → "+zoneText(will))
	case will == nil:
		c.add(RemoveObject, KindZone, name, rangesText(was.From())+" → "+zoneText(was))
	default:
		if parts := zoneChanges(was, will); len(parts) > 0 {
			c.add(ChangeObject, KindZone, name, strings.Join(parts, "; "))
		}
	}
}

func zoneChanges(was, will *readback.Zone) []string {
	var parts []string
	if d := rangeChanges("from", was.From(), will.From()); d != "from" {
		parts = append(parts, d)
	}
	if a, b := doesText(was), doesText(will); a != b {
		parts = append(parts, a+" → "+b)
	}
	if a, b := conditionsText(was), conditionsText(will); a != b {
		parts = append(parts, cmp.Or(a, "always")+" → "+cmp.Or(b, "always"))
	}
	if a, b := cmp.Or(was.Uplink, "none"), cmp.Or(will.Uplink, "none"); a != b {
		parts = append(parts, "uplink "+a+" → "+b)
	}
	parts = append(parts, drainChange(was.Drained, will.Drained)...)
	parts = append(parts, readback.LimitsChange(was.Limits, will.Limits)...)
	if a, b := excludeText(was), excludeText(will); a != b {
		parts = append(parts, "exclude "+cmp.Or(a, "none")+" → "+cmp.Or(b, "none"))
	}
	parts = append(parts, helpersChange(was.Helpers, will.Helpers)...)
	parts = append(parts, timeoutsChange(was.Timeouts, will.Timeouts)...)
	return append(parts, mssChange(was.MSS, will.MSS, "the gateway's")...)
}

func zoneText(z *readback.Zone) string {
	text := doesText(z) + drainText(z.Drained)
	if when := conditionsText(z); when != "" {
		text += ", " + when
	}
	if z.Uplink != "" {
		text += ", uplink " + z.Uplink
	}
	if limits := readback.LimitsText(z.Limits); limits != "" {
		text += ", " + limits
	}
	if exclude := excludeText(z); exclude != "" {
		text += ", except to " + exclude
	}
	if helpers := helpersText(z.Helpers); helpers != "" {
		text += ", " + helpers
	}
	if z.Timeouts != "" {
		text += ", timeouts " + z.Timeouts
	}
	if z.MSS != "" {
		text += ", mss " + z.MSS
	}
	return text
}

// drainText tells of laddrs that only flows have.
func drainText(drained []inet.Range) string {
	if len(drained) == 0 {
		return ""
	}
	return ", draining " + rangesText(drained)
}

func drainChange(was, will []inet.Range) []string {
	if slices.Equal(was, will) {
		return nil
	}
	return []string{"draining " + rangesText(was) + " → " + rangesText(will)}
}

// merged returns the names of two lists, each once, in natural order. Lists are mostly in order
// already, which sorting makes use of.
func merged(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.SortFunc(out, layout.CompareNatural)
	return slices.Compact(out)
}

// both returns the keys of two maps, in natural order.
func both[V any](a, b map[string]V) []string {
	return merged(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
}
