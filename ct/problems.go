package ct

import "fmt"

// Severity is how bad a problem is. The zero value is none.
type Severity uint8

// Warning leaves time; Critical means that connections fail, or soon will.
const (
	Warning Severity = iota + 1
	Critical
)

// String returns "warning" or "critical".
func (s Severity) String() string {
	return [...]string{"fine", "warning", "critical"}[min(s, Critical)]
}

// Problem is something that an operator should look at.
type Problem struct {
	Severity Severity
	Object   string // "zone office", "service web", "conntrack"
	Text     string // what is wrong, and the way out
}

// Shares of what there is, in percent. The kernel tries a bounded number of ports for a new
// flow, so that some begin to fail from about 87 % on (nf_nat_core.c,
// nf_nat_l4proto_unique_tuple), without a sign but insert_failed.
const (
	muchUsed   = 80
	nearlyFull = 95
)

// Problems lists what the numbers tell, critical ones first, otherwise in the report's
// order. An entry maximum that is not known is no problem.
func (r *Report) Problems() []Problem {
	var list [Critical + 1][]Problem
	add := func(s Severity, object, format string, args ...any) {
		if s > 0 {
			list[s] = append(list[s], Problem{s, object, fmt.Sprintf(format, args...)})
		}
	}
	c := &r.Conntrack
	add(Fullness(c.Entries, c.Max), "conntrack", "%d of %d entries are in use; raise net.netfilter.nf_conntrack_max", c.Entries, c.Max)
	laddrs := func(object string, list []LaddrReport) {
		for i := range list {
			if l := &list[i]; l.Flows > 0 { // others' flows are their problem
				add(l.Severity(), object, "%s uses %d of %d ports toward %s; give it more laddrs", l.name(), l.Ports, l.Capacity, l.Busiest)
			}
		}
	}
	for i := range r.Services {
		s := &r.Services[i]
		object := "service " + s.Name
		switch {
		case len(s.Servers) == 0:
			add(Warning, object, "has no real servers")
		case s.drained():
			add(Warning, object, "all real servers have weight 0: none takes new connections")
		}
		laddrs(object, s.Laddrs)
	}
	for i := range r.Zones {
		laddrs("zone "+r.Zones[i].Name, r.Zones[i].Laddrs)
	}
	return append(list[Critical], list[Warning]...)
}

// Severity tells how bad it is that so many of the laddr's ports are in use toward one
// destination: 0 if it is not.
func (l *LaddrReport) Severity() Severity { return Fullness(uint64(l.Ports), uint64(l.Capacity)) }

// name returns "laddr 198.51.100.1 of pool office".
func (l *LaddrReport) name() string {
	if l.Pool == "" {
		return "laddr " + l.Address.String()
	}
	return "laddr " + l.Address.String() + " of pool " + l.Pool
}

// drained tells whether no real server takes new connections.
func (s *ServiceReport) drained() bool {
	for i := range s.Servers {
		if s.Servers[i].Weight > 0 && !s.Servers[i].Down {
			return false
		}
	}
	return true
}

// Fullness says how bad it is that n of most are in use; nothing is bad where most is 0.
func Fullness(n, most uint64) Severity {
	switch {
	case most == 0:
	case n*100 >= most*nearlyFull:
		return Critical
	case n*100 >= most*muchUsed:
		return Warning
	}
	return 0
}
