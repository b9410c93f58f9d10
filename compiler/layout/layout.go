// Package layout is the schema of snatctl's table: what its sets, maps and chains are called,
// what their keys and data are, which of them count, in what order they are listed, and what
// the comments of elements say. The compiler writes by it and package readback reads by it.
//
// A packet of a new connection meets the chains in this order:
//
//	prerouting ─┬→ services → rr4-2-17, random4-5, …   DNAT to a real server; by mark: through marked4/7
//	output ─────┘           → refused                  a service without real servers
//	forward → refuse → refused                         zones that reject (only where there are some)
//	offloading                                         established flows (only with gateway.offload)
//	postrouting ─┬→ fullnat → pool4/…                  SNAT of what FULLNAT services sent on; by mark: bymark
//	             └→ zones → exclude/…, pool4/…, masquerading
//
// All but forward and offloading are NAT chains: the kernel shows them the first packet of a connection only.
package layout

import "strings"

// TableComment marks a table as snatctl's, of this layout. A table with another comment is
// made anew rather than changed.
const TableComment = maker + ", layout 1: change the policy, not this table"

// maker is what the comments of all layouts begin with.
const maker = "made by snatctl"

// Ours tells whether a table with some comment is snatctl's, of whatever layout.
func Ours(comment string) bool { return strings.HasPrefix(comment, maker) }

// MaxLanes is how many services get a round-robin counter of their own. Each takes a chain
// a family, and "never over 4,000 chains" keeps loading and listing quick.
const MaxLanes = 1024

// MaxChains bounds all chains together.
const MaxChains = 4000

// Flowtable is the name of the table's flowtable.
const Flowtable = "ft"

// Kind is what a set, map or chain is for. The zero value is none.
type Kind uint8

// The sets and maps, in the order in which the table lists them. A colon parts key and data.
const (
	Uplinks           Kind = iota + 1 // interface names
	VIPs                              // VIPs of services; with Mapped, addresses that are mapped 1:1
	Services                          // VIP . protocol . port : where the service's connections go first
	Marks                             // marks that services take; postrouting looks whether the flow has one
	Limited                           // VIP . protocol . port : the number of a service with limits, as a priority
	Admitted                          // VIP . protocol . port : where what limits let pass goes next
	Over                              // number : what becomes of connections beyond a limit, which they count
	Rates                             // number . client : how fast it comes; entered by the packet path, as all of these sets
	Clients                           // number . client : its open connections
	HeldClients                       // number . client : it was found to have too many a moment ago
	Open                              // number . part : open connections of a part of all
	HeldParts                         // number . part : it was found full a moment ago
	LimitedZones                      // sources : the chain of their zone's limits
	LimitedRejects                    // the same, in the hook forward: limits that reject
	Permitted                         // source . VIP . protocol . port : on, or drop
	Sticky                            // client . VIP . protocol . port : real server; entered by the packet path
	AfterMark                         // mark : what comes behind the chain that gives the flow its mark
	Scheduled                         // VIP . protocol . port : the scheduler, for clients without a real server
	Helpers                           // VIP . protocol . port : the chain of the helper that reads the service's connections
	Onward                            // VIP . protocol . port : where services go on behind what is set on their connections
	Remember                          // VIP . protocol . port : the chain that enters the client
	Proxied                           // VIP . protocol . port of services whose handshakes a SYN proxy answers
	Handshakes                        // VIP . protocol . port : the chain that answers
	Turns                             // VIP . protocol . port . slot : real server; of services with a lane of their own
	Slots                             // the same; of all other services
	Table                             // slot : real server; of one service
	Servers                           // VIP . protocol . port . real server . its port: weights that slots don't tell
	LaddrsIn                          // VIP . protocol . port : the chain of a FULLNAT service's pool
	Laddrs                            // VIP . protocol . port : laddrs of a FULLNAT service, where they are one range
	Hairpin                           // caller . VIP . protocol . port : callers of a NAT service that get another source
	Inbound                           // mapped destinations : the prefix behind them
	Timed                             // sources : the chain that sets their timeouts
	Segments                          // sources : how large the TCP segments of their connections are at most
	TimedServices                     // VIP . protocol . port : the same, of services
	Conditional                       // sources : their conditional zones, of what leaves through an uplink
	Elsewhere                         // the same of what leaves elsewhere: zones with an oif of their own
	Excludes                          // sources : the list of destinations that stay untranslated
	ZoneHelpers                       // source . protocol . port : the chain of the helper that reads the zone's connections
	Blocks                            // source : its laddr and block of ports
	Mapped                            // sources : the prefix that they are mapped to, 1:1
	Zones                             // sources : laddrs, where they are one range; with Bits, prefixes of that length by their first address
	Own                               // as Zones, of one zone with conditions
	Actions                           // sources : what else becomes of them
	Rejects                           // sources : zones that reject
	Does                              // sources : what one zone with conditions does
	RefuseConditional                 // as Conditional, in the hook forward
	RefuseElsewhere                   // as Elsewhere, in the hook forward
	RefuseDoes                        // as Does, in the hook forward
	Conditions                        // the zones with conditions in order; no packet asks for it
	To                                // destinations that a zone asks for
	Ports                             // protocols and ports that a zone asks for
	IIf                               // interfaces that a zone asks for
	OIf                               // the same, on the way out
	Exclude                           // destinations that a zone leaves untranslated
	Pool                              // slot : laddr; of a pool that is not one range
	Drained                           // laddrs of a pool that take no new connections; no packet asks for it
	Marked                            // marks of flows : the chain that marks their packets
	WayConditional                    // as Conditional, where uplinks are chosen
	Ways                              // sources : their uplink, or the chain that chooses it
	Entering                          // interfaces of uplinks : the chain that marks flows that come in by them
	Choice                            // slot : uplink; of several that a zone may have
	Leaving                           // interfaces of uplinks : the chain of zones with laddrs for each of them
	Chance                            // VIPs whose packets of unknown connections go to a node that drains
	ChanceMark                        // the mark of these packets; its comment says which node
	NoChance                          // VIP . protocol . port of services with a SYN proxy: their packets stay
	Laddrless                         // sources of such zones : drop, of what leaves by an uplink that they have no laddr for
)

// The chains, in the order in which the table lists them.
const (
	ChainPrerouting Kind = iota + Laddrless + 1
	ChainUnproven        // in front of conntrack: handshakes that a SYN proxy answers pass it by
	ChainOutput
	ChainServices
	ChainGuarded  // checks the sources of services with allow or deny
	ChainPrepared // sets what services want on their connections, before these are translated
	ChainMarked   // gives the flow the mark of its service
	ChainLimits   // bounds connections: of services with the same limits, or of a zone
	ChainFull     // notes that a key of limits was found full, and refuses
	ChainInput    // as ChainForward, for VIPs that the host has
	ChainForward
	ChainStray    // what belongs to no flow: handshakes that a SYN proxy answers
	ChainSynProxy // answers them
	ChainRefused  // resets and rejects
	ChainRefuse   // what zones in the hook forward do; those in between are listed with it
	ChainRefuseElsewhere
	ChainRefuseWhen
	ChainRefuseZone
	ChainOffload // puts established flows on the flowtable
	ChainPostrouting
	ChainByMark // as ChainFullNAT, of services by mark
	ChainFullNAT
	ChainZones
	ChainElsewhere
	ChainWhen // tries some zones with conditions in order
	ChainZone // a zone's conditions; with Does, what it does
	ChainMasquerade
	ChainExclude  // lets pass what a zone excludes, and others with the same list
	ChainPool     // chooses among the laddrs of a pool
	ChainSchedule // chooses a slot of a service
	ChainSticky   // looks for the real server that a client has
	ChainHelper   // has a helper of the kernel read the connection
	ChainRemember // enters a client with its real server
	ChainSegments // sees SYN and SYN-ACK
	ChainAnswers  // sees those of SYN proxies
	ChainLower    // lowers the size of segments that they tell
	ChainTimeouts // gives a flow ct timeout objects
	ChainUplinks  // hook: finds the uplink of every packet
	ChainReroute  // the same for packets of the machine itself
	ChainWays     // finds the uplink of a new connection
	ChainWayWhen  // as ChainWhen, where uplinks are chosen
	ChainWayZone  // as ChainZone, likewise
	ChainChoose   // chooses among uplinks
	ChainFrom     // marks a flow as one that came in by an uplink
	ChainVia      // marks a flow and its packet: they leave by an uplink
	ChainTo       // marks a packet: it leaves by an uplink, unless a more specific route counts
	ChainOut      // gives laddrs for one uplink
	ChainChance   // hook: marks packets of unknown connections, for a node that drains
	ChainBack     // marks a packet: it is an answer, and leaves by an uplink
)

// IsChain tells whether the kind is one of chains.
func (k Kind) IsChain() bool { return k >= ChainPrerouting }

// String returns the word that names of the kind begin with.
func (k Kind) String() string { return forms[k].word }

// BySource tells whether the map says what becomes of a zone's sources.
func (k Kind) BySource() bool {
	switch k {
	case Zones, Own, Blocks, Mapped, Actions, Rejects, Does, RefuseDoes:
		return true
	}
	return false
}

// HoldsSlots tells whether the map holds the slots of many services.
func (k Kind) HoldsSlots() bool { return k == Turns || k == Slots }
