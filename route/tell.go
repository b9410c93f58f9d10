package route

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Change is what a plan means for some addresses, for an interface or for an uplink.
type Change struct {
	Action Action
	Name   string // an address, range or prefix; an interface; an uplink
	Detail string
	Of     Subject
}

// Subject is what a change is about.
type Subject uint8

// The subjects.
const (
	Addresses Subject = iota
	Uplink
	Uplinks // all of them; without a name
	Node    // another one of the fleet, that drains
)

// Action says what happens.
type Action uint8

// The actions.
const (
	Add Action = iota
	Remove
	Replace
)

// Changes tells what a plan means: neighbouring addresses to which the same happens are one
// change, and so are the routes and the rules of an uplink.
func (p Plan) Changes(names Names) []Change {
	var out []Change
	of := map[Change][]inet.Range{} // by a change without a name
	var order []Change
	collect := func(c Change, r inet.Range) {
		if of[c] == nil {
			order = append(order, c)
		}
		of[c] = append(of[c], r)
	}
	for _, o := range p {
		c := Change{Action: Add}
		if o.Remove {
			c.Action = Remove
		}
		switch t := o.Thing.(type) {
		case Proxying:
			out = append(out, Change{Action: Replace, Name: string(t), Detail: "proxy_ndp is switched on"})
		case Route:
			c.Detail = "local route"
			collect(c, inet.PrefixRange(t.Dst))
		case Neighbour:
			c.Detail = "neighbour proxy on " + t.Interface
			collect(c, inet.AddrRange(t.Addr))
		case Address:
			c.Detail = "address of " + t.Interface
			collect(c, inet.AddrRange(t.Addr))
		}
	}
	for _, c := range order {
		for _, r := range inet.Merge(of[c]) {
			c.Name = r.String()
			out = append(out, c)
		}
	}
	return append(out, p.uplinkChanges(names)...)
}

// Assigned returns the addresses that the plan gives to interfaces.
func (p Plan) Assigned() []Address {
	var out []Address
	for _, o := range p {
		if a, ok := o.Thing.(Address); ok && !o.Remove {
			out = append(out, a)
		}
	}
	return slices.Clip(out)
}
