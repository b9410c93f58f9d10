package main

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/plain"
)

// staleFlows are the flows that contradict a policy, by whom they belong to.
type staleFlows []staleObject

// staleObject is a zone, a service or one of its real servers, with stale flows.
type staleObject struct {
	staleKey
	why   string // of one of the flows
	mixed bool   // others have other reasons
	keys  []ctlink.Key
	ended int // how many were ended, once they are
}

// staleKey tells objects apart. A real server is known by its address: at how many ports it
// answers depends on the ports of its service.
type staleKey struct {
	kind, name string // of the zone or service
	server     netip.Addr
}

// enter adds a flow. places says where objects stand.
func (s staleFlows) enter(places map[staleKey]int, r ct.Reason, key ctlink.Key) staleFlows {
	k := staleKey{r.Kind, r.Name, r.Server.Addr()}
	i, seen := places[k]
	if !seen {
		i = len(s)
		places[k] = i
		s = append(s, staleObject{staleKey: k, why: r.Why})
	}
	s[i].keys = append(s[i].keys, key)
	s[i].mixed = s[i].mixed || s[i].why != r.Why
	return s
}

func (s staleFlows) sorted() staleFlows {
	slices.SortFunc(s, func(a, b staleObject) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name), a.server.Compare(b.server))
	})
	return s
}

// flows returns how many flows of the object were ended, or would be.
func (o *staleObject) flows(done bool) int {
	if done {
		return o.ended
	}
	return len(o.keys)
}

// count is flows of all objects.
func (s staleFlows) count(done bool) (n int) {
	for i := range s {
		n += s[i].flows(done)
	}
	return n
}

// tell appends to the changes that objects undergo how many flows that ends.
func (s staleFlows) tell(changes []tell.Change, done bool) {
	at := make(map[string]int, len(changes))
	for i, c := range changes {
		at[string(c.Kind)+" "+c.Name] = i
	}
	ends := make([]int, len(changes))
	for i := range s {
		if c, ok := s[i].change(at, changes); ok {
			ends[c] += s[i].flows(done)
		}
	}
	for i, n := range ends {
		if n > 0 {
			changes[i].Detail += "; ends " + count(n, "flow")
		}
	}
}

// change finds the change that ends the flows: the real server's, if it is about one, else
// the zone's or service's own, else that of the first of the service's real servers.
func (o *staleObject) change(at map[string]int, changes []tell.Change) (int, bool) {
	if o.server.IsValid() {
		for _, key := range o.keys {
			for _, name := range []string{key.Reply.Src.String(), o.server.String()} {
				if i, ok := at[string(tell.KindRealServer)+" "+o.name+"/"+name]; ok {
					return i, true
				}
			}
		}
	}
	if i, ok := at[o.kind+" "+o.name]; ok || o.kind != string(tell.KindService) {
		return i, ok
	}
	i := slices.IndexFunc(changes, func(c tell.Change) bool {
		return c.Kind == tell.KindRealServer && strings.HasPrefix(c.Name, o.name+"/")
	})
	return i, i >= 0
}

// print lists the flows by object.
func (s staleFlows) print(w io.Writer, done bool) {
	verb := "would end"
	if done {
		verb = "ended"
	}
	for i := range s {
		if i == mostChanges {
			fmt.Fprintf(w, "… and flows of %d more\n", len(s)-i)
			break
		}
		o := &s[i]
		why := o.why
		if o.mixed {
			why += " (and similar)"
		}
		fmt.Fprintf(w, "%s %s of %s %s: %s\n", verb, count(o.flows(done), "flow"), o.kind, plain.Text(o.name), plain.Text(why))
	}
	if len(s) > 1 {
		fmt.Fprintf(w, "%s %s in all\n", verb, count(s.count(done), "flow"))
	}
}

// contradicting says that flows alone contradict the policy.
func (s staleFlows) contradicting(w io.Writer) {
	switch n := s.count(false); n {
	case 0:
	case 1:
		fmt.Fprintln(w, "1 live flow contradicts the policy; apply would end it")
	default:
		fmt.Fprintf(w, "%d live flows contradict the policy; apply would end them\n", n)
	}
}
