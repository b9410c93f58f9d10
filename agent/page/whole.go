package page

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
)

// Whole is all that there is to show at one moment. It never changes, and many readers share it.
type Whole struct {
	At       time.Time
	Host     string // of this machine
	Version  string // of the program
	Agent    agent.Snapshot
	Services []*Service // in the policy's order
	Zones    []*Zone    // likewise
	Uplinks  []Uplink
	Findings []Finding // of lint, about the policy in force

	Past func(traffic.Object) []Rate // what an object did at the last readings, the oldest first

	Total      Load
	Conntrack  Fill
	Troubles   []Trouble // what is wrong, the worst first
	Counts     Counts
	Unmeasured string // why nothing is known of flows; empty: it is known
}

// Counts are the sums over all services.
type Counts struct {
	Services, ServicesBad int
	Servers, ServersUp    int // those that get new connections are up
	Overrides             int
}

// Load is what flows do. The zero value is no flows.
type Load struct {
	Flows uint64
	Rate  Rate
}

// Rate is what happens in a second. The zero value is not known.
type Rate struct {
	Known bool
	New   float64 // connections
	Bytes float64 // both ways
}

// Service is a service with all that is known of it. What is only needed where it is shown is made there:
// there may be very many.
type Service struct {
	Name      string
	Condition Condition
	Load      Load
	Wrong     bool // it, or one of its laddrs, wants to be looked at

	known *agent.Service
	seen  *traffic.Service // nil: nothing is known of its flows
}

// Quorum is how many real servers must be up, and how many are.
func (s *Service) Quorum() agent.Quorum { return s.known.Quorum }

// Enough says in words how many of its real servers are up, and why that matters.
func (s *Service) Enough() string {
	if s.Condition.Why != "" && s.Condition.Standing != Failed { // of that all is said where the troubles are
		return s.Condition.Why
	}
	q := s.known.Quorum
	text := fmt.Sprintf("%d of %d up", q.Up, len(s.known.Servers))
	if q.Need > 1 {
		text += fmt.Sprintf(", %d needed", q.Need)
	}
	return text
}

// Fronts are what clients call: "203.0.113.10 tcp/80", "mark 7".
func (s *Service) Fronts() string {
	if s.seen == nil {
		return ""
	}
	return s.seen.Called()
}

// How is the mode and the scheduler: "nat, rr".
func (s *Service) How() string {
	if s.seen == nil {
		return ""
	}
	return strings.TrimSuffix(s.seen.Mode+", "+s.seen.Scheduler, ", ")
}

// Laddrs are those of FULLNAT, the fullest first.
func (s *Service) Laddrs() []*Laddr {
	if s.seen == nil {
		return nil
	}
	return laddrsOf(s.seen.Laddrs)
}

// Fullest is the laddr that comes first; nil if there is none.
func (s *Service) Fullest() *Laddr { return fullest(s.Laddrs()) }

// Server is a real server of a service.
type Server struct {
	Text      string // its address, as operators write it
	Condition Condition
	Weight    int // administrative: the policy's, or the operator's
	Policy    int // the policy's
	Wanted    Share
	Got       Share
	Load      Load
	Override  *agent.Override // nil: no operator has a hand in
	Foreign   bool            // it is no real server of the policy: a sorry server, or one that has flows still
}

// Share is a part of the new connections of a service, of one family. The zero value is not known.
type Share struct {
	Known bool
	Part  float64 // 0 to 1
}

// Zone is a zone with all that is known of it.
type Zone struct {
	Name   string
	Action string
	Load   Load

	// Refused counts connections that got no port of its pools, whoever opened them, since the agent began to count.
	Refused uint64

	standing Standing // of its fullest laddr
	laddrs   []ct.LaddrReport
}

// Laddrs are the zone's, the fullest first.
func (z *Zone) Laddrs() []*Laddr { return laddrsOf(z.laddrs) }

// Fullest is the laddr that comes first; nil if there is none.
func (z *Zone) Fullest() *Laddr { return fullest(z.Laddrs()) }

func fullest(all []*Laddr) *Laddr {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// Wrong tells whether one of its laddrs is nearly full.
func (z *Zone) Wrong() bool { return z.standing >= Degraded }

// Laddr is a laddr of a zone or service, and how full it is toward its busiest destination.
type Laddr struct {
	Address netip.Addr
	Pool    string // empty: it is written in line
	Flows   uint64
	Busiest string // destination
	Ports   Fill
}

// Standing tells whether so many ports in use are too many.
func (l *Laddr) Standing() Standing { return l.Ports.Standing() }

// Fill is how much of something is in use. Most 0: it is not bounded, or not known.
type Fill struct{ Used, Most uint64 }

// Part is the used part, from 0 to 1.
func (f Fill) Part() float64 {
	if f.Most == 0 {
		return 0
	}
	return min(1, float64(f.Used)/float64(f.Most))
}

// Standing tells how bad it is.
func (f Fill) Standing() Standing { return standingOf(ct.Fullness(f.Used, f.Most)) }

func standingOf(s ct.Severity) Standing {
	return [...]Standing{0: Fine, ct.Warning: Degraded, ct.Critical: Failed}[s]
}

// Uplink is an interface through which connections leave.
type Uplink struct {
	Name      string
	Condition Condition
}

// Finding is what lint says about the policy in force.
type Finding struct {
	Severity string // error, warning or info
	Code     string
	Place    string // file:line
	Text     string
}
