package compiler

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Timeouts are ct timeout objects, which a flow gets with its first packet. nft 1.0.6 knows no maps of them,
// so there is a chain for each distinct set of values, and maps lead there. The gateway's are set first,
// where packets come in; zones and services set theirs in postrouting, and replace them.
//
// The kernel lets go of an object's flows when it is deleted: they then have the machine's timeouts. So
// objects are named by their values, and never change: a policy that does not change them leaves
// them alone, and gateway keeps those that a new policy has no use for (KeepTimeouts).

// timed are the protocols that nft 1.0.6 can write timeouts of.
var timed = [...]inet.Proto{inet.UDP, inet.TCP}

// mostTimeoutWords keeps the names of chains and objects readable.
const mostTimeoutWords = 60

// timeoutID returns the name that tells the values of timeouts: the states that are not the kernel's own. Empty: all are.
func timeoutID(t policy.Timeouts) string {
	var words []string
	for i, s := range policy.FlowStates() {
		if s.Sysctl == "" && t[i] > 0 && t[i] != s.Kernel {
			words = append(words, fmt.Sprintf("%s-%d", s.Key, t[i]/time.Second))
		}
	}
	id := strings.Join(words, "/")
	switch {
	case t.String() == "rfc":
		return "rfc"
	case len(id) > mostTimeoutWords:
		h := fnv.New64a()
		h.Write([]byte(id))
		return fmt.Sprintf("%d-states-%x", len(words), h.Sum64())
	}
	return id
}

// timeoutChain names the chain that gives flows timeouts which are not the gateway's.
func timeoutChain(t policy.Timeouts) layout.Name {
	return layout.Name{Kind: layout.ChainTimeouts, Variant: layout.Variant{Then: timeoutID(t)}}
}

// objectsOf returns the objects of some timeouts: one for each protocol that has not the kernel's own.
func objectsOf(t policy.Timeouts) (out []nft.CtTimeout) {
	for _, p := range timed {
		if t.Usual(p) {
			continue
		}
		o := nft.CtTimeout{Name: p.String() + "/" + timeoutID(t), Proto: p}
		copy(o.After[:], t.Of(p))
		out = append(out, o)
	}
	return out
}

// timeoutText says the timeouts in the policy's words, in the comment of a rule.
func timeoutText(t policy.Timeouts) string {
	text := t.String()
	if len(text) <= layout.MostComment {
		return text
	}
	text = text[:layout.MostComment-len(" and more")]
	return text[:strings.LastIndexByte(text, ',')] + " and more"
}

// timeouts makes a chain that gives flows these timeouts.
func (b *builder) timeouts(chain layout.Name, t policy.Timeouts) {
	if b.chains[chain] != nil {
		return
	}
	var stmts []nft.Stmt
	for _, o := range objectsOf(t) {
		stmts = append(stmts, nft.Use{Object: o.Ref()})
	}
	b.chain(chain).Rules = []nft.Rule{{Stmts: stmts, Comment: timeoutText(t)}}
}

// timeoutObjects returns the objects of the table's chains.
func (b *builder) timeoutObjects() (out []nft.Object) {
	enter := func(chain layout.Name, t policy.Timeouts) {
		if b.chains[chain] == nil {
			return
		}
		for _, o := range objectsOf(t) {
			if !slices.Contains(out, nft.Object(o)) {
				out = append(out, o)
			}
		}
	}
	p := b.policy
	enter(layout.ChainTimeouts.Name(), p.GatewayTimeouts())
	for i := range p.Zones {
		if z := &p.Zones[i]; z.Timeouts != nil {
			enter(timeoutChain(p.ZoneTimeouts(z)), p.ZoneTimeouts(z))
		}
	}
	for i := range p.Services {
		if s := &p.Services[i]; s.Timeouts != nil {
			enter(timeoutChain(p.ServiceTimeouts(s)), p.ServiceTimeouts(s))
		}
	}
	slices.SortFunc(out, func(a, b nft.Object) int { return layout.CompareNatural(a.Ref().Name, b.Ref().Name) })
	return out
}

// timeoutVerdict returns where flows get timeouts other than the gateway's.
func (b *builder) timeoutVerdict(t policy.Timeouts) nft.Verdict {
	if timeoutID(t) == timeoutID(b.policy.GatewayTimeouts()) {
		return nft.Verdict{}
	}
	chain := timeoutChain(t)
	b.timeouts(chain, t)
	return jumpChain(chain)
}

func (b *builder) zoneTimeouts(z *policy.Zone, _ inet.Family) nft.Verdict {
	if z.Timeouts == nil {
		return nft.Verdict{}
	}
	return b.timeoutVerdict(b.policy.ZoneTimeouts(z))
}

// serviceTimeouts enters a service whose flows get timeouts other than the gateway's.
func (b *builder) serviceTimeouts(s *policy.Service, f inet.Family) {
	if s.Timeouts == nil {
		return
	}
	v := b.timeoutVerdict(b.policy.ServiceTimeouts(s))
	if v == (nft.Verdict{}) {
		return
	}
	frontsOf(s, f, func(e endpoint, ports inet.PortRange) { b.enterFront(layout.TimedServices, s, f, e, ports, v) })
}

// timeoutRules gives every flow the gateway's, in front of all else.
func (b *builder) timeoutRules() {
	t := b.policy.GatewayTimeouts()
	if timeoutID(t) == "" {
		return
	}
	chain := layout.ChainTimeouts.Name()
	b.timeouts(chain, t)
	b.hook(layout.ChainPrerouting.Name(), nft.Hook{Type: "nat", Point: nft.Prerouting, Priority: priorityDNAT})
	b.hook(layout.ChainOutput.Name(), nft.Hook{Type: "nat", Point: nft.Output, Priority: priorityDNAT})
	b.rule(layout.ChainPrerouting.Name(), nft.Give{Verdict: jumpChain(chain)})
	b.rule(layout.ChainOutput.Name(), nft.Give{Verdict: jumpChain(chain)})
}

// KeepTimeouts returns a wanted table with what a live one has of ct timeout objects that snatctl made and
// the wanted one has no use for, so that flows which began with them keep them. They cost packets nothing.
// At most mostKept stay: the last by name go first. live may be nil.
func KeepTimeouts(live, want *nft.Ruleset) *nft.Ruleset {
	if live == nil {
		return want
	}
	var kept []nft.Object
	for _, o := range live.Objects {
		if len(kept) < mostKept && o.Ref().Kind == nft.KindCtTimeout && layout.Makes(o.Ref()) && want.Object(o.Ref()) == nil {
			kept = append(kept, o)
		}
	}
	if len(kept) == 0 {
		return want
	}
	out := *want
	out.Objects = append(slices.Clone(want.Objects), kept...)
	return &out
}

// mostKept is how many objects stay for flows that began with them.
const mostKept = 64
