package policy

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Service is virtual addresses and the real servers behind them.
type Service struct {
	Where
	Name        string
	VIP         []netip.Addr   // as written, and those of Interfaces once Resolve has entered them
	Interfaces  []InterfaceVIP // whose addresses are VIPs, too
	Ports       []inet.ProtoPorts
	Mark        uint32 // in place of VIP and Ports: connections whose first packet bears it; 0: none
	Mode        Mode
	Scheduler   Scheduler
	Persistence Persistence
	Allow, Deny []inet.Range
	Hairpin     Hairpin // of mode nat alone
	SynProxy    SynProxy
	RealServers []RealServer
	Laddrs      *Pool // nil in mode nat
	Select      Select
	OnEmpty     OnEmpty
	Timeouts    *Timeouts // nil, and what it does not say: the gateway's
	Helpers     []Watched // none: the kernel reads nothing of its connections
	Limits      Limits
	// ClientAddress is of mode fullnat and TCP alone.
	ClientAddress ClientAddress

	HealthCheck  *HealthCheck  // one of Policy.HealthChecks, or one written in line; nil: never checked
	Quorum       Quorum        // with fewer real servers up, the sorry servers take the new connections
	Hysteresis   int           // that many more than the quorum must be up to come back
	SorryServers []RealServer  // no real servers while the quorum is met; none: OnEmpty answers
	SlowStart    time.Duration // in which the weight of a server that comes back grows to its full share; 0: at once
	Panic        int           // percent; with a smaller share up, all real servers get connections; 0: never
	OnDown       OnDown

	weighed bool // a State gives weights that are not those written
}

// Active returns the real servers of one family that take new connections: those that are not
// down and whose weight is not 0, in the order written. They are mostly the service's own list, which must
// not be changed.
func (s *Service) Active(f inet.Family) []RealServer {
	list := s.RealServers
	active := func(i int) bool { return list[i].Active() && inet.FamilyOf(list[i].Addr) == f }
	from := 0
	for from < len(list) && !active(from) {
		from++
	}
	to := from
	for to < len(list) && active(to) {
		to++
	}
	if from == to {
		return nil
	}
	out := list[from:to:to]
	for i := to; i < len(list); i++ {
		if active(i) {
			out = append(out, list[i])
		}
	}
	return out
}

// Persistence keeps a client with its real server. The zero value is none.
type Persistence struct {
	Timeout      time.Duration // after the client's last new connection; 0: no persistence
	Mask4, Mask6 int           // prefix length by which clients count as one; 32 and 128 unless written
}

// RealServer is one server behind a service.
type RealServer struct {
	Pos    Pos
	Addr   netip.Addr
	Port   uint16 // 0: the port that the client called
	Weight int    // 0: keeps its flows, gets no new ones
	Down   bool   // gets no new connections, whatever its weight: never written, a State says so
}

// Active tells whether the real server takes new connections.
func (r *RealServer) Active() bool { return r.Weight > 0 && !r.Down }

// String returns the real server as policies write it: address, or address:port.
func (r RealServer) String() string {
	if r.Port == 0 {
		return r.Addr.String()
	}
	return netip.AddrPortFrom(r.Addr, r.Port).String()
}

// Mode is how a service translates.
type Mode string

// The modes.
const (
	NAT     Mode = "nat"     // destination only: the real server sees the client
	FullNAT Mode = "fullnat" // destination and source: the real server sees a laddr
)

// Scheduler is how a service chooses a real server for a new connection.
type Scheduler string

// The schedulers.
const (
	RoundRobin         Scheduler = "rr" // default
	WeightedRoundRobin Scheduler = "wrr"
	Random             Scheduler = "random"
	SourceHash         Scheduler = "sh"
	DestinationHash    Scheduler = "dh"
	Maglev             Scheduler = "mh"
	LeastConn          Scheduler = "lc"
	WeightedLeastConn  Scheduler = "wlc"
)

// ByFlows tells whether a scheduler looks at how many live flows real servers have: lc and wlc.
func (s Scheduler) ByFlows() bool { return s == LeastConn || s == WeightedLeastConn }

// OnEmpty is what a service answers when no real server can take a connection.
type OnEmpty string

// The values of on_empty.
const (
	EmptyReject OnEmpty = "reject" // default
	EmptyDrop   OnEmpty = "drop"
	EmptyPass   OnEmpty = "pass"
)
