package policy

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

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

// ChangesSource tells whether the zone's connections leave with another source.
func (z *Zone) ChangesSource() bool { return z.Action == Snat || z.Action == Masquerade }

// HasSource tells whether an address lies in the zone's `from`; another zone may still decide.
func (z *Zone) HasSource(a netip.Addr) bool { return contains(z.From, a) }

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
