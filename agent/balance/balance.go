// Package balance decides, for one service, which real servers get new connections and with
// which weights: by their health, the overrides of operators, the quorum, panic, slow start and,
// for lc and wlc, their live flows.
//
// It is pure. All that it knows of the past is in the Memory that the last call returned.
package balance

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// Service is what there is to decide about. Of fills in what the policy says.
type Service struct {
	Scheduler  policy.Scheduler
	Quorum     policy.Quorum
	Hysteresis int
	Panic      int // percent; 0: never
	SlowStart  time.Duration
	Sorry      bool // it has sorry servers
	Room       int  // slots that the table has for it with lc or wlc, as Room says; 0: as many as it likes
	Servers    []Server
}

// Server is one real server.
type Server struct {
	Key      netip.AddrPort // as policy.RealServer.Key; unique in the service
	Weight   int            // as the policy says
	Health   Health
	UpSince  time.Time // when it came back; zero: it was never down
	Override Override
	Flows    int    // live ones: neither closed nor waiting to be forgotten. For lc and wlc alone
	Opened   uint64 // all that it ever got; for lc and wlc alone. It may begin anew
}

// Health is what a check says about a server.
type Health int

// The states of health.
const (
	Unknown Health = iota // not checked, or not yet: counts as up
	Up
	Down
)

// Result is the decision. Weights and Down are in the order of Service.Servers.
type Result struct {
	// Weights are those that the table should have now: 0 for a server that gets no new
	// connections. Only their relation means something. They are the policy's own as long as
	// nothing changes their relation. Of a service that is Sorry or Closed they do not count.
	Weights []int
	Admin   []int  // the administrative weights: the policy's, or the override's
	Down    []bool // by its check or an override; false for all while Panic
	Sorry   bool   // the sorry servers take the new connections
	Closed  bool   // nobody takes new connections
	Panic   bool   // health is disregarded, since so few are up
	Need    int    // how many servers must be up
	Up      int    // how many are, of those that have a weight
	Met     bool   // the quorum: Up is enough, also after Hysteresis
	// Next is when the decision changes though nobody tells anything new; zero: never.
	Next time.Time
}

// Memory is what one decision leaves to the next. The zero value knows nothing: the service was
// never below its quorum.
type Memory struct {
	Short bool                    `json:"short,omitempty"` // below quorum
	At    time.Time               `json:"at,omitzero"`     // of the last step of lc and wlc
	Least map[netip.AddrPort]Load `json:"least,omitempty"` // of lc and wlc: what each server had then
}

// Of returns a service as the policy says it, with nothing known about its real servers.
func Of(s *policy.Service) Service {
	out := Service{Scheduler: s.Scheduler, Quorum: s.Quorum, Hysteresis: s.Hysteresis, Panic: s.Panic, SlowStart: s.SlowStart, Sorry: len(s.SorryServers) > 0,
		Servers: make([]Server, len(s.RealServers))}
	for i, rs := range s.RealServers {
		out.Servers[i] = Server{Key: rs.Key(), Weight: rs.Weight}
	}
	return out
}

// Balance decides. Equal input gives equal output, and was is not changed.
func Balance(now time.Time, s Service, was Memory) (Result, Memory) {
	d := &decision{now: now, service: &s}
	d.administer()
	is := Memory{Short: d.quorum(was.Short)}
	d.panic()
	d.Sorry = !d.Met && !d.Panic && s.Sorry
	d.Closed = !d.Met && !d.Panic && !s.Sorry
	d.weigh()
	if s.Scheduler.ByFlows() {
		is.At, is.Least = d.least(was)
	} else {
		d.slowStart()
	}
	return d.Result, is
}

// decision is one call of Balance.
type decision struct {
	Result
	now     time.Time
	service *Service
}

// weigh gives each server that takes connections its administrative weight.
func (d *decision) weigh() {
	d.Weights = make([]int, len(d.Admin))
	for i, w := range d.Admin {
		if !d.Down[i] {
			d.Weights[i] = w
		}
	}
}

// at notes a time at which the decision changes by itself.
func (d *decision) at(t time.Time) {
	if t.After(d.now) && (d.Next.IsZero() || t.Before(d.Next)) {
		d.Next = t
	}
}
