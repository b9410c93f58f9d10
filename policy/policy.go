// Package policy is what operators write, as values: the model with its defaults, the checks
// that a whole policy must pass, and what a policy means for a packet (Decide).
//
// The package is pure. Package policy/read makes a Policy of YAML, and policy/words knows the
// keys of the language.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Policy is a whole policy: all files joined, defaults filled in, names resolved.
type Policy struct {
	Start        Pos // where the first file's text begins
	Version      int
	Gateway      Gateway
	Nodes        []Node // that share the policy, in the order written; none: it is for one machine
	Fleet        Fleet
	Laddrs       []Pool        // pools by name, in the order written
	Zones        []Zone        // the first that matches decides
	HealthChecks []HealthCheck // health_checks by name, in the order written
	Services     []Service
	Tests        []Test

	written *Policy // of one with a State: without it
	state   State   // that made this of it
	node    string  // that At chose; empty: none
}

// Pos is a place in a policy file. Line and Col start at 1; Col counts characters.
// The zero value is no place.
type Pos struct {
	File      string
	Line, Col int
}

// String returns "file:line:col", or the file alone where there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Where tells where in a file an object is written, and each of its keys.
type Where struct {
	Pos   Pos      // of the object: its name where it has one, else its first character
	Keys  []KeyPos // of the keys' values, in the order written
	Items []KeyPos // of the items of those that are lists of scalars, in the order written
}

// KeyPos is the place of one key's value.
type KeyPos struct {
	Key string
	Pos Pos
}

// At returns the place of a key's value, and the object's own where the key was not written.
func (w Where) At(key string) Pos {
	for _, k := range w.Keys {
		if k.Key == key {
			return k.Pos
		}
	}
	return w.Pos
}

// Item returns the place of the i-th item of a key's list, counted from 0. One value that
// stands for a list of it stands where the key's value does.
func (w Where) Item(key string, i int) Pos {
	for _, item := range w.Items {
		if item.Key != key {
			continue
		}
		if i == 0 {
			return item.Pos
		}
		i--
	}
	return w.At(key)
}

// Has tells whether the key was written.
func (w Where) Has(key string) bool {
	for _, k := range w.Keys {
		if k.Key == key {
			return true
		}
	}
	return false
}

// Gateway is what concerns the whole machine. DefaultGateway is what an absent section means.
type Gateway struct {
	Where
	Table      string   // nftables table, family inet
	Uplinks    []string // interface names, "ppp*" for a prefix; none: any interface
	Routed     []Uplink // uplinks written as objects, in the order written; Uplinks has their interfaces
	Unmatched  Action   // Accept, Drop or Reject
	Invalid    Action   // Accept or Drop: packets toward an uplink that belong to no connection
	Cleanup    Cleanup
	Forwarding bool
	Sysctls    bool
	Offload    Offload
	Addresses  Addresses
	MSS        MSS
	Timeouts   *Timeouts // nil: the kernel's

	RoutingTables Tables // that Routed may use
}

// Action is what becomes of a zone's connections.
type Action string

// The actions of zones; `unmatched` knows accept, drop and reject of them.
const (
	Snat       Action = "snat"
	Masquerade Action = "masquerade"
	Accept     Action = "accept"
	Drop       Action = "drop"
	Reject     Action = "reject"
)

// Cleanup says what becomes of flows that contradict a newly applied policy.
type Cleanup string

// The values of gateway.cleanup.
const (
	CleanupStale Cleanup = "stale"
	CleanupNone  Cleanup = "none"
)

// Offload says whether established flows go to an nft flowtable.
type Offload string

// The values of gateway.offload.
const (
	OffloadOff      Offload = "off"
	OffloadSoftware Offload = "software"
	OffloadAuto     Offload = "auto"
)

// Addresses says what the host itself does about VIPs and laddrs that no interface has. The zero
// value does nothing.
type Addresses struct {
	Mode      AddressMode
	Interface string // that gets them; of AddressesAssign alone
}

// AddressMode is a value of gateway.addresses.
type AddressMode string

// The modes.
const (
	AddressesNone   AddressMode = "none" // default: nothing
	AddressesRoutes AddressMode = "routes"
	AddressesAssign AddressMode = "assign"
)

// OnHost tells whether the mode puts VIPs and laddrs on the host. The zero value does not.
func (m AddressMode) OnHost() bool { return m == AddressesRoutes || m == AddressesAssign }

// Select is how a connection's laddr is chosen from its pool.
type Select string

// The selections.
const (
	SelectSource            Select = "source" // default: a source keeps its laddr (RFC 4787 REQ-2, paired)
	SelectSourceDestination Select = "source-destination"
	SelectFlow              Select = "flow" // 5-tuple
	SelectRoundRobin        Select = "round-robin"
	SelectRandom            Select = "random"
)

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

// Pool is a set of laddrs: a named one of the section `laddrs`, or one written in line
// at a zone or service, which has no name.
type Pool struct {
	Where
	Name   string // empty for a pool written in line
	Laddrs []Laddr
	Ports  inet.PortRange // source ports that may be used; zero: the kernel's choice
	Random bool           // randomized source ports (RFC 6056)
	Block  int            // ports in a source's fixed block (RFC 7422); 0: shared ports
	Slices []Slice        // what each node has of it, in the order written; none: all nodes share it. Laddrs are those of all slices, or after At of one
	Need   uint64         // connections to one destination that must be left if a node fails; 0: nobody said
}

// Ranges returns the pool's addresses of one family that new connections may get, sorted,
// adjacent ranges joined. An address with weight 0 gets none, even where it is listed twice.
func (p *Pool) Ranges(f inet.Family) []inet.Range {
	if p == nil {
		return nil
	}
	var rs, drained []inet.Range
	for _, l := range p.Laddrs {
		switch {
		case l.Range.Family() != f:
		case l.Weight == 0:
			drained = append(drained, l.Range)
		default:
			rs = append(rs, l.Range)
		}
	}
	if len(drained) > 0 {
		return inet.Subtract(rs, drained)
	}
	return inet.Merge(rs)
}

// Laddr is one entry of a pool.
type Laddr struct {
	Pos    Pos
	Range  inet.Range
	Weight int  // share of new connections of each of its addresses; 1 unless written, 0: keeps its flows, gets no new ones
	Prefix bool // written as a prefix; a range that could be one is none
}

// Zone is a set of sources and what becomes of their connections.
type Zone struct {
	Where
	Name     string
	From     []inet.Range
	To       []inet.Range      // destinations; none: any
	Ports    []inet.ProtoPorts // none: any
	OIf      []string          // leaving through; overrides gateway.uplinks
	IIf      []string          // entering through
	Action   Action            // Snat where laddrs is written, Reject where neither is
	Laddrs   *Pool             // nil where the action is not Snat, and where map is written
	Select   Select
	Exclude  []inet.Range // destinations left untranslated
	Map      inet.Range   // 1:1 to a prefix; zero: none
	MSS      MSS          // zero: the gateway's
	Timeouts *Timeouts    // nil, and what it does not say: the gateway's
	Helpers  []Watched    // none: the kernel reads nothing of its connections

	Uplink       UplinkChoice   // through which uplinks connections leave; zero: as routes say
	UplinkLaddrs []UplinkLaddrs // in place of Laddrs: a pool for each uplink
	Limits       Limits         // of its connections, but for those that Map lets in
}

// Conditional tells whether more than the source decides that the zone matches.
func (z *Zone) Conditional() bool {
	return len(z.To) > 0 || len(z.Ports) > 0 || len(z.OIf) > 0 || len(z.IIf) > 0
}

// HasSource tells whether an address lies in the zone's `from`; another zone may still decide.
func (z *Zone) HasSource(a netip.Addr) bool { return contains(z.From, a) }

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
	active := func(rs RealServer) bool { return rs.Active() && inet.FamilyOf(rs.Addr) == f }
	from := slices.IndexFunc(s.RealServers, active)
	if from < 0 {
		return nil
	}
	to := from + 1
	for to < len(s.RealServers) && active(s.RealServers[to]) {
		to++
	}
	out := s.RealServers[from:to:to]
	for _, rs := range s.RealServers[to:] {
		if active(rs) {
			out = append(out, rs)
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
func (r RealServer) Active() bool { return r.Weight > 0 && !r.Down }

// String returns the real server as policies write it: address, or address:port.
func (r RealServer) String() string {
	if r.Port == 0 {
		return r.Addr.String()
	}
	return netip.AddrPortFrom(r.Addr, r.Port).String()
}

// Test is one expectation that `snatctl test` checks.
type Test struct {
	Where
	Name     string // free text
	From, To netip.AddrPort
	Proto    inet.Proto
	IIf, OIf string
	Mark     uint32 // that the packet bears
	Expect   Expect
}

// Expect is what a test wants. An empty field expects nothing.
type Expect struct {
	Where
	Zone, Service string
	Verdict       Action // Accept, Drop or Reject; empty: not checked
	Snat, Dnat    Translation
	Uplink        []string // every uplink that the connection may leave through is one of these; none: not checked
}

// Translation is what a connection's source or destination becomes. The zero value, in a
// test, expects nothing.
type Translation struct {
	Word    string   // "none": it stays; "masquerade": the address of the interface left through; else empty
	Targets []Target // all that is possible
}

// Target is addresses with or without ports.
type Target struct {
	Range inet.Range
	Ports inet.PortRange // zero: any
}
