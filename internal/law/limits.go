package law

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Limits count what a packet does not show, so the machine tries both: that a limit is reached, and
// that it is not. What rules ask is noted, to be held against the policy's values.

// bound asks whether a limit is reached: what it is, and the key that it counts by.
func (w *walk) bound(set string, fields []nft.Field, counting bool, what string) bool {
	t := w.set(set)
	if !t.Dynamic || t.Data != nft.NoData || t.Counting != counting || len(t.Key) != len(fields) {
		fail("%s: the set does not hold what the rule enters", set)
	}
	client := "all"
	for i, f := range fields {
		if typeOf(f) != t.Key[i] {
			fail("%s: %s is of another type than the set's", set, f)
		}
		if _, ok := w.load(f); !ok {
			return false
		}
		switch f.Kind {
		case nft.IPSaddr, nft.IP6Saddr:
			client = fmt.Sprintf("client/%d", f.Bits)
		}
	}
	if what != "" {
		w.out.Bounds = append(w.out.Bounds, what+" "+client)
	}
	return w.dice.pick(2) == 1
}

// hold notes that a key was found full.
func (w *walk) hold(s nft.Hold) bool {
	w.bound(s.Set, s.Key, false, "")
	return true // whether it could be entered or not
}

// setPriority gives the packet the number that a map has for it.
func (w *walk) setPriority(s nft.SetPriority) bool {
	if w.set(s.Map).Data != nft.ClassData {
		fail("%s: the map holds other data", s)
	}
	el, found := w.find(s.Map, s.Key)
	if found {
		w.priority = el.Data
	}
	return found
}

// bounded holds the outcomes where a limit was reached against the policy, and returns the others.
func bounded(d *policy.Decision, pkt Packet, outcomes []Outcome) (rest []Outcome, err error) {
	var want []string
	action := policy.Action("")
	if d.Limits != nil {
		want, action = bounds(d.Limits, pkt), d.Limits.Action
	}
	refused := make(map[string]bool)
	for _, o := range outcomes {
		if o.Beyond == "" {
			if !slices.Equal(o.Bounds, want) {
				return nil, fmt.Errorf("limits: the policy says %q, the ruleset %q", want, o.Bounds)
			}
			rest = append(rest, o)
			continue
		}
		refused[o.Beyond] = true
		if service := o.service(); o.Verdict != action || service != d.Service || service == "" && o.Zone != d.Zone {
			return nil, fmt.Errorf("beyond a limit: the policy says %q of service %q or zone %q, the ruleset %q of %q or %q", action, d.Service, d.Zone, o.Verdict, service, o.Zone)
		}
	}
	if len(refused) != len(want) {
		return nil, fmt.Errorf("the limits are %q, and refused is by %v", want, refused)
	}
	return rest, nil
}

// bounds returns what rules must ask for limits, in order.
func bounds(l *policy.Limits, pkt Packet) (out []string) {
	bits := l.Mask4
	if pkt.From.Addr().Is6() {
		bits = l.Mask6
	}
	if bits == pkt.From.Addr().BitLen() {
		bits = 0
	}
	if l.New.Count > 0 {
		out = append(out, fmt.Sprintf("%d/%s burst %d client/%d", l.New.Count, l.New.Unit(), l.Burst, bits))
	}
	if l.PerClient > 0 {
		out = append(out, fmt.Sprintf("%d client/%d", l.PerClient, bits))
	}
	if l.Connections > 0 {
		parts, each := l.Parts()
		out = append(out, fmt.Sprintf("%d all", each))
		if parts*each > l.Connections {
			out = append(out, "more than it may")
		}
	}
	return out
}

// limits draws what bounds a service or zone.
func (g *maker) limits(action string) string {
	var keys []string
	if g.often(60) {
		keys = append(keys, "connections: "+g.pick("1", "10", "1000", "1001", "100000"))
	}
	if g.often(60) {
		keys = append(keys, "connections_per_client: "+g.pick("1", "5"))
	}
	if len(keys) == 0 || g.often(60) {
		keys = append(keys, "new_per_client: "+g.pick("1/second", "50/second", "7/minute", "2/hour"))
		if g.often(50) {
			keys = append(keys, "burst: "+g.pick("1", "100"))
		}
	}
	if g.often(40) {
		keys = append(keys, g.pick("mask4: 24", "mask4: 1", "mask6: 64", "mask6: 1"))
	}
	if action != "" {
		keys = append(keys, "action: "+action)
	}
	return ", limits: {" + strings.Join(keys, ", ") + "}"
}
