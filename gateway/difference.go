package gateway

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/route"
)

// Difference is what an apply changes, or would change.
type Difference struct {
	Changes    []tell.Change `json:"changes"`
	Elements   nft.Tally     `json:"elements"`
	Rules      nft.Tally     `json:"rules"`
	FlowsEnded int           `json:"flows_ended"`
}

// Result is what an apply has done, or a diff has found. It may travel as JSON, but for the keys of
// flows.
type Result struct {
	Difference
	Table     bool       // it changes, or has changed
	Addresses nft.Tally  // routes, rules and addresses of gateway.addresses and uplinks
	Announced nft.Tally  // routes that routers are told of
	Callers   nft.Tally  // interfaces with the program of client_address; one that changes counts in both
	Stale     StaleFlows // that contradict the policy
	Zoned     int        // flows that do so in other conntrack zones; they are left alone
	Done      bool       // otherwise nothing was changed
}

// Empty tells whether the kernel is as the policy says, but for flows.
func (r Result) Empty() bool {
	return !r.Table && r.Addresses == (nft.Tally{}) && r.Callers == (nft.Tally{}) && r.Announced == (nft.Tally{})
}

// Told returns the difference with what it means for flows: how many end, and of which object.
func (r Result) Told() Difference {
	d := r.Difference
	d.Changes = append([]tell.Change{}, d.Changes...)
	d.FlowsEnded = r.Stale.Count(r.Done)
	r.Stale.Tell(d.Changes, r.Done)
	return d
}

// tallyOf counts what a plan adds and removes.
func tallyOf(p route.Plan) nft.Tally {
	adds, removes := p.Split()
	return nft.Tally{Add: len(adds), Delete: len(removes)}
}

// named bounds how many objects a summary names.
const named = 3

// Summary says in one line what changes.
func (d Difference) Summary() string {
	if len(d.Changes) == 0 && d.Rules == (nft.Tally{}) && d.Elements == (nft.Tally{}) {
		return "no difference"
	}
	var objects []string
	more, service := 0, ""
	var last tell.Change
	for _, c := range d.Changes {
		if c.Kind == tell.KindService {
			service = c.Name
		}
		if rest, below := strings.CutPrefix(c.Name, service); below && c.Kind == tell.KindRealServer && strings.HasPrefix(rest, "/") {
			continue // its service, listed before it, says enough
		}
		switch {
		case c.Action == last.Action && c.Kind == last.Kind && c.Name == last.Name: // it changes in several ways
		case len(objects) == named:
			more++
		default:
			objects = append(objects, fmt.Sprintf("%s %s %s", c.Action.Mark(), strings.ReplaceAll(string(c.Kind), "_", " "), c.Name))
		}
		last = c
	}
	s := strings.Join(objects, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	if s == "" {
		return fmt.Sprintf("rules +%d -%d, elements +%d -%d", d.Rules.Add, d.Rules.Delete, d.Elements.Add, d.Elements.Delete)
	}
	return s
}
