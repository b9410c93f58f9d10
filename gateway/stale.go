package gateway

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/plain"
)

// StaleFlows are the flows that contradict a policy, by the object that they belong to.
type StaleFlows []StaleObject

// StaleObject is a zone, a service or one of its real servers, with stale flows.
type StaleObject struct {
	Kind, Name string       // of the zone or service
	Server     netip.Addr   // the real server that is gone; at how many ports it answers depends on its service
	Why        string       // of one of the flows: "real server 192.168.1.1:80 is no longer listed"
	Mixed      bool         // others have other reasons
	Keys       []ctlink.Key `json:"-"`
	Ended      int          // how many were ended, once they are
}

// Flows returns how many flows of the object were ended if that is done, or would be.
func (o *StaleObject) Flows(done bool) int {
	if done {
		return o.Ended
	}
	return len(o.Keys)
}

// Count is Flows of all objects.
func (s StaleFlows) Count(done bool) (n int) {
	for i := range s {
		n += s[i].Flows(done)
	}
	return n
}

// staleKey tells objects apart.
type staleKey struct {
	kind, name string
	server     netip.Addr
}

// enter adds a flow. places says where in s each object is.
func (s StaleFlows) enter(places map[staleKey]int, r ct.Reason, key ctlink.Key) StaleFlows {
	k := staleKey{r.Kind, r.Name, r.Server.Addr()}
	i, seen := places[k]
	if !seen {
		i = len(s)
		places[k] = i
		s = append(s, StaleObject{Kind: k.kind, Name: k.name, Server: k.server, Why: r.Why})
	}
	s[i].Keys = append(s[i].Keys, key)
	s[i].Mixed = s[i].Mixed || s[i].Why != r.Why
	return s
}

func (s StaleFlows) sorted() StaleFlows {
	slices.SortFunc(s, func(a, b StaleObject) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), a.Server.Compare(b.Server))
	})
	return s
}

// Tell appends to the changes that objects undergo how many flows that ends, or has ended.
func (s StaleFlows) Tell(changes []tell.Change, done bool) {
	at := make(map[string]int, len(changes))
	for i, c := range changes {
		at[string(c.Kind)+" "+c.Name] = i
	}
	ends := make([]int, len(changes))
	for i := range s {
		if c, ok := s[i].change(at, changes); ok {
			ends[c] += s[i].Flows(done)
		}
	}
	for i, n := range ends {
		if n > 0 {
			changes[i].Detail += "; ends " + plain.Count(n, "flow")
		}
	}
}

// change finds the change that ends the flows: the real server's, if it is about one, else
// the zone's or service's own, else that of the first of the service's real servers.
func (o *StaleObject) change(at map[string]int, changes []tell.Change) (int, bool) {
	if o.Server.IsValid() {
		for _, key := range o.Keys {
			for _, name := range []string{key.Reply.Src.String(), o.Server.String()} {
				if i, ok := at[string(tell.KindRealServer)+" "+o.Name+"/"+name]; ok {
					return i, true
				}
			}
		}
	}
	if i, ok := at[o.Kind+" "+o.Name]; ok || o.Kind != string(tell.KindService) {
		return i, ok
	}
	i := slices.IndexFunc(changes, func(c tell.Change) bool {
		return c.Kind == tell.KindRealServer && strings.HasPrefix(c.Name, o.Name+"/")
	})
	return i, i >= 0
}
