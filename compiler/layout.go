package compiler

import (
	"cmp"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// TableComment marks a table as snatctl's, of this layout. A table with another comment is
// made anew rather than changed.
const TableComment = "made by snatctl, layout 1: change the policy, not this table"

// The chains. A packet of a new connection meets them in this order:
//
//	prerouting ─┬→ services → rr4-2-17, random4-5, …   DNAT to a real server
//	output ─────┘           → refused                  a service without real servers
//	forward → refuse → refused                         zones that reject (only where there are some)
//	offloading                                         established flows (only with gateway.offload)
//	postrouting ─┬→ fullnat → pool4/…                  SNAT of what FULLNAT services sent on
//	             └→ zones → exclude/…, pool4/…, masquerade
//
// All but forward and offloading are NAT chains: the kernel shows them the first packet of a connection only.
const (
	chainPrerouting  = "prerouting"
	chainOutput      = "output"
	chainServices    = "services" // chainGuarded and mapSticky's chains follow it: see stages.go
	chainForward     = "forward"
	chainRefuse      = "refuse"
	chainPostrouting = "postrouting"
	chainFullNAT     = "fullnat"
	chainZones       = "zones"
	chainMasquerade  = "masquerading"
	chainRefused     = "refused"
	chainOffload     = "offloading" // puts established flows on a flowtable: see offload.go
	chainExclude     = "exclude/"   // + the first zone with that list
	chainPool        = "pool"       // + family, "/", pool
)

// The sets and maps; names end in the family. A suffix behind the family tells the variant:
// "/range" has port ranges in its keys and "/any" no ports at all, "/keep" leaves the port
// as the client called it, "/ports" binds source ports, "/spread" also looks at the
// destination (without it the kernel's `persistent` keeps a source on its laddr), "/random"
// has random source ports.
const (
	setUplinks  = "uplinks"  // interface names
	setVIPs     = "vips"     // VIPs of services, and 1:1 mapped addresses
	mapServices = "services" // VIP . protocol . port : where the service's scheduler is
	mapTurns    = "turns"    // VIP . protocol . port . slot : real server; of services with a lane of their own
	mapSlots    = "slots"    // the same; of all other services
	mapTable    = "table"    // slot : real server; of one service, whose name ends the map's
	setServers  = "servers"  // VIP . protocol . port . real server . its port : weights that slots don't tell
	mapLaddrs   = "laddrs"   // VIP . protocol . port : laddrs of a FULLNAT service, where they are one range
	mapLaddrsIn = "laddrs-in"
	mapZones    = "zones"    // sources : laddrs, where they are one range
	mapActions  = "actions"  // sources : what else becomes of them
	mapRejects  = "rejects"  // sources : zones that reject
	mapExcludes = "excludes" // sources : the list of destinations that stay untranslated
	setDrained  = "drained"  // + family, "/", pool: laddrs that take no new connections; no packet asks for it
	setExclude  = "exclude"  // + family, "/", the first zone with that list
)

// maxLanes is how many services get a round-robin counter of their own. Each takes a chain
// a family, and "never over 4,000 chains" keeps loading and listing quick.
const maxLanes = 1024

// maxChains bounds all chains together.
const maxChains = 4000

var setOrder = []string{setUplinks, setVIPs, mapServices, mapPermitted, mapSticky, mapScheduled, mapRemember, mapTurns, mapSlots, mapTable, setServers, mapLaddrsIn, mapLaddrs, mapInbound, mapConditional, mapElsewhere, mapExcludes, mapBlocks, mapMapped, mapZones, mapOwn, mapActions, mapRejects, mapDoes, whereRefused.name + mapConditional, whereRefused.name + mapElsewhere, mapRefuseDoes, setConditions, setTo, setPorts, setIIf, setOIf, setExclude, chainPool, setDrained}

var chainOrder = []string{chainPrerouting, chainOutput, chainServices, chainGuarded, chainForward, chainRefused, chainRefuse, chainOffload, chainPostrouting, chainFullNAT,
	chainZones, chainElsewhere, chainWhen, chainZone, chainMasquerade, chainExclude, chainPool}

// compareNames orders names by their prefix in order, then naturally.
func compareNames(order []string, a, b string) int {
	rank := func(s string) int {
		for i, p := range order {
			if strings.HasPrefix(s, p) {
				return i
			}
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), compareNatural(a, b))
}

// compareNatural orders rr4-2 before rr4-10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			if c := cmp.Or(cmp.Compare(na, nb), strings.Compare(a[:na], b[:nb])); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// named returns a map's name for a family, with its variants.
func named(base string, f inet.Family, variants ...string) string {
	name := base + string('0'+rune(f))
	for _, v := range variants {
		if v != "" {
			name += "/" + v
		}
	}
	return name
}

// fields are what rules load, by family.
type fields struct{ saddr, daddr, ctDaddr nft.Field }

func fieldsOf(f inet.Family) fields {
	if f == inet.V4 {
		return fields{nft.F(nft.IPSaddr), nft.F(nft.IPDaddr), nft.F(nft.CtIPDaddr)}
	}
	return fields{nft.F(nft.IP6Saddr), nft.F(nft.IP6Daddr), nft.F(nft.CtIP6Daddr)}
}

// addrData is what maps of addresses hold.
func addrData(f inet.Family) nft.Data {
	if f == inet.V4 {
		return nft.Addr4
	}
	return nft.Addr6
}

// transports are the protocols whose ports are translated.
var transports = []inet.Proto{inet.TCP, inet.UDP, inet.SCTP}

func addrRange(f inet.Family) nft.Data {
	if f == inet.V4 {
		return nft.AddrRange4
	}
	return nft.AddrRange6
}

// owner is the comment of an element that leads back to a zone or service, and to the named
// pool that its laddrs come from.
func owner(name, pool string) string {
	if pool == "" {
		return name
	}
	return name + ": " + pool
}

// splitOwner takes owner apart.
func splitOwner(comment string) (name, pool string) {
	name, pool, _ = strings.Cut(comment, ": ")
	return name, pool
}
