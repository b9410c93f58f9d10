package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// fields are what rules load, by family.
type fields struct{ saddr, daddr, ctDaddr nft.Field }

func fieldsOf(f inet.Family) fields {
	if f == inet.V4 {
		return fields{nft.F(nft.IPSaddr), nft.F(nft.IPDaddr), nft.F(nft.CtIPDaddr)}
	}
	return fields{nft.F(nft.IP6Saddr), nft.F(nft.IP6Daddr), nft.F(nft.CtIP6Daddr)}
}

// transports are the protocols whose ports are translated.
var transports = []inet.Proto{inet.TCP, inet.UDP, inet.SCTP}

// owner is the comment of an element that leads back to a zone or service, and to the named
// pool that its laddrs come from.
func owner(name, more string) string { return layout.Owner{Name: name, More: more}.String() }
