package route

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// Names say whose routing tables and interfaces are. The zero value knows none: then a table is called
// by its number.
type Names struct {
	Tables     map[int]string
	Interfaces map[string]string
	Chance     int    // the table that leads to a node that drains; 0: none does
	Node       string // that node
}

// NamesOf returns the names of a policy's uplinks.
func NamesOf(p *policy.Policy) Names {
	n := Names{Tables: make(map[int]string), Interfaces: make(map[string]string), Chance: p.Gateway.ChanceTable()}
	if to := p.SecondChance(); to != nil {
		n.Node = to.Name
	}
	for name, number := range p.Gateway.Numbers() {
		n.Tables[p.Gateway.TableOf(number)] = name
		n.Interfaces[p.Gateway.Uplink(name).Interface] = name
	}
	return n
}

// table says whose routing table it is.
func (n Names) table(number int) (Subject, string) {
	name, subject := n.Tables[number], Uplink
	if name == "" && number == n.Chance {
		name, subject = n.Node, Node
	}
	if name == "" {
		name = fmt.Sprintf("of table %d", number)
	}
	return subject, name
}

// uplinkChanges tells what a plan means for uplinks.
func (p Plan) uplinkChanges(names Names) (out []Change) {
	at := map[Change]int{} // by a change whose detail is what it begins with
	join := func(c Change, head, what string) {
		c.Detail = head
		i, ok := at[c]
		if !ok {
			at[c] = len(out)
			c.Detail = head + ": " + what
			out = append(out, c)
			return
		}
		out[i].Detail += ", " + what
	}
	for _, o := range p {
		c := Change{Of: Uplink}
		if o.Remove {
			c.Action = Remove
		}
		switch t := o.Thing.(type) {
		case Loose:
			c.Action, c.Name = Replace, names.Interfaces[t.Interface]
			c.Detail = fmt.Sprintf("rp_filter of %s is 2: answers may come from where the table main does not lead", t.Interface)
			out = append(out, c)
		case Way:
			c.Of, c.Name = names.table(t.Table)
			if was, ok := o.Instead.(Way); ok {
				c.Action, c.Detail = Replace, fmt.Sprintf("table %d: %s (was %s)", t.Table, t.leads(), was.leads())
				out = append(out, c)
				continue
			}
			join(c, fmt.Sprintf("table %d", t.Table), t.leads())
		case Rule:
			if t.Table == 0 {
				c.Of = Uplinks
				join(c, fmt.Sprintf("ip rules %d, by which routes of main that are no default routes come first", t.Priority), t.family()+t.about())
				continue
			}
			c.Of, c.Name = names.table(t.Table)
			join(c, fmt.Sprintf("ip rules to table %d", t.Table), fmt.Sprintf("%s%d %s", t.family(), t.Priority, t.about()))
		}
	}
	return out
}

// String tells a change as a diff does, without its sign.
func (c Change) String() string { return strings.TrimPrefix(c.Name+": "+c.Detail, ": ") }
