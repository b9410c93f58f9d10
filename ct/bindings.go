package ct

import (
	"net/netip"
	"strconv"

	"github.com/snatctl/snatctl/inet"
)

// Bindings is the part of a policy that matters for flows: which object translates which
// connections, and to what. It is read from a compiled table (readback.Bindings), the live one
// or one about to be applied. Attribution and staleness look at nothing else.
type Bindings struct {
	Services []Service // by name
	// Zones in the order in which they are asked: those with conditions first, as
	// written; then the others, by name, whose sources are disjoint.
	Zones []Zone
}

// Service is a service with its real servers.
type Service struct {
	Name      string
	Mode      string // "nat" or "fullnat"
	Scheduler string // "rr", "wrr", "random", "sh", "dh", "mh"; "" if it has no real servers
	OnEmpty   string // "reject", "drop" or "pass" where a family of it has none that takes connections
	Fronts    []Front
	Servers   []Server
	Pools     []Pool // FULLNAT: what its laddrs are; empty in mode nat
	// Hairpin holds the callers of a NAT service that get the address of the interface left
	// through, which is one of this host; merged and sorted.
	Hairpin []inet.Range
	New     uint64 // new connections since the table's elements were made; refused sources don't count
	Limits  []Limit
	// SynProxy tells that a SYN proxy answers its handshakes, and Syns how many segments that open a
	// connection it has met. Those of clients that completed theirs are in New.
	SynProxy bool
	Syns     uint64
	// Uncounted tells that its real servers' New is not known: the table holds more slots
	// than it counts (compiler, mostCounted).
	Uncounted bool
}

// Front is a place where a service takes connections. Ports inet.AnyPort means all. Where
// those of several services hold a port, one port wins over a range, a range over all.
//
// With Mark, which takes the place of both, the service takes connections that bear it, and whose flows have it
// in the lower 24 bits of their own mark. VIP then tells the family alone: 0.0.0.0 or ::.
type Front struct {
	VIP   netip.Addr
	Ports inet.ProtoPorts
	Mark  uint32
}

// MarkFront is where a service takes connections of a family that bear a mark.
func MarkFront(f inet.Family, mark uint32) Front {
	return Front{VIP: inet.Everything(f).From, Mark: mark}
}

// String returns "203.0.113.10 tcp/80", or "mark 7".
func (f Front) String() string {
	if f.Mark != 0 {
		return "mark " + strconv.FormatUint(uint64(f.Mark), 10)
	}
	return f.VIP.String() + " " + f.Ports.String()
}

// Server is a real server. Port 0 takes connections at the port that the client called.
type Server struct {
	Addr   netip.Addr
	Port   uint16
	Weight int    // as the policy says; 0 drains: it keeps its flows and gets no new ones
	Down   bool   // it gets no new flows either, whatever its weight: so says whoever checks it
	New    uint64 // new connections since its elements were made
}

// Pool is a set of laddrs with the source ports that may be used.
type Pool struct {
	Name string // "" for one written in line
	// Laddrs of the families that the object has, merged and sorted; laddrs of weight 0
	// included, which drain. With Block, those that have blocks of the object's sources.
	Laddrs []inet.Range
	// Ports that translations use. The zero value: the kernel's choice, which keeps the
	// client's port where it can and else takes one from 1024 to 65535. With Block, those
	// from the first block to the last.
	Ports inet.PortRange
	Block int // ports of each source's own block; 0: sources share the ports
}

// Zone says what becomes of connections from its sources that leave through an uplink.
type Zone struct {
	Name   string
	Action string // "snat", "masquerade", "accept", "drop", "reject" or "map"
	// Sources, less what earlier zones without conditions own. Of a zone that has none
	// itself, what all earlier ones without leave.
	Sources []inet.Range
	// Conditions; empty means any.
	To    []inet.Range
	Ports []inet.ProtoPorts
	// OIf are the interfaces that the zone's connections leave through; "ppp*" means all
	// that begin so. No flow tells by which one it left: an index that knows Ways tells by
	// which it would leave now.
	OIf []string
	// IIf tells that the zone asks for more about interfaces, which nothing tells of a flow:
	// whether it decided shows in the laddr only.
	IIf     bool
	Exclude []inet.Range // destinations left untranslated
	Pools   []Pool       // of "snat"; those of both families
	// Through says which of the laddrs are for connections by which uplink; empty: all are for any.
	Through []Through
	Maps    []Map // of "map"
	Limits  []Limit
	// New connections that it decided about, since its elements were made, less those that
	// Exclude left untranslated. One that is refused and tries again counts again.
	New uint64
}

// Through is the laddrs that a zone has for connections that leave by an uplink.
type Through struct {
	OIf    string       // the uplink's interface
	Laddrs []inet.Range // merged and sorted
}

// Limit bounds the new connections of a service or zone.
type Limit struct {
	Key     string `json:"limit"`   // as the policy calls it: "connections"
	Bound   string `json:"bound"`   // "100", "50/second burst 100"; behind it the prefixes by which clients count as one, "/64"
	Action  string `json:"action"`  // "drop" or "reject"
	Refused uint64 `json:"refused"` // connections since the table's element was made; one that tries again counts again
}

// Map is a 1:1 translation of a prefix to another of the same length.
type Map struct{ Inside, Outside inet.Range }

// KernelPorts is what the kernel chooses from where a pool binds no ports and the client's
// own port is above 1023 and taken (nf_nat_core.c, nf_nat_l4proto_unique_tuple).
var KernelPorts = inet.PortRange{First: 1024, Last: 65535}
