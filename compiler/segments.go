package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Segments become smaller where they pass through, in the hook forward: what SYN and SYN-ACK say of them is
// lowered. Other packets pay one rule. Zones are found by the source of the connection, in both directions.

// priorityMangle is where packets are rewritten (NF_IP_PRI_MANGLE).
const priorityMangle = -150

// priorityTranslated is behind the translation of destinations (NF_IP_PRI_NAT_DST).
const priorityTranslated = -90

// segments enters the size of a plain zone's segments, where it is not the gateway's.
func (b *builder) segments(z *policy.Zone, r inet.Range) {
	if z.MSS == 0 || z.MSS == b.policy.Gateway.MSS {
		return
	}
	b.interval(b.set(layout.Segments.Of(r.Family())), r, nft.Element{Verdict: gotoChain(b.lower(z.MSS)), Comment: z.Name})
}

// lower returns the chain that lowers what a segment says.
func (b *builder) lower(m policy.MSS) layout.Name {
	chain := layout.Name{Kind: layout.ChainLower, Variant: layout.Variant{Then: m.String()}}
	if b.chains[chain] == nil {
		b.rule(chain, lowerMSS(m))
	}
	return chain
}

func lowerMSS(m policy.MSS) nft.Stmt {
	if m == policy.MSSClamp {
		return nft.LowerMSS{}
	}
	return nft.LowerMSS{To: uint16(m)}
}

// segmentRules lowers what forwarded SYN and SYN-ACK say. What a service sent on, or a map, has the gateway's.
func (b *builder) segmentRules() {
	gateway, zones := b.policy.Gateway.MSS, b.holds(layout.Segments)
	b.ownSegments(gateway)
	if gateway == 0 && !zones {
		return
	}
	chain := layout.ChainSegments.Name()
	b.hook(chain, nft.Hook{Type: "filter", Point: nft.Forward, Priority: priorityMangle})
	if !zones {
		b.gatewaySegments(gateway)
		return
	}
	served := nft.Verdict{Kind: nft.Accept}
	if gateway != 0 {
		served = gotoChain(b.lower(gateway))
	}
	b.rule(chain, nft.TCPOpens{}, nft.CtStatus{Bit: nft.DNAT}, nft.Give{Verdict: served})
	b.marked(chain, []nft.Stmt{nft.TCPOpens{}}, served)
	for _, f := range inet.Families {
		if m := layout.Segments.Of(f); b.has(m) {
			saddr := nft.F(nft.CtIPSaddr)
			if f == inet.V6 {
				saddr = nft.F(nft.CtIP6Saddr)
			}
			b.rule(chain, nft.TCPOpens{}, nft.Vmap{Key: []nft.Field{saddr}, Map: m.String()})
		}
	}
	if gateway != 0 {
		b.gatewaySegments(gateway)
	}
}

// gatewaySegments is the rule for all others. Its comment says the size in the policy's words, for diffs.
func (b *builder) gatewaySegments(m policy.MSS) {
	c := b.chain(layout.ChainSegments.Name())
	c.Rules = append(c.Rules, nft.Rule{Stmts: []nft.Stmt{nft.TCPOpens{}, lowerMSS(m)}, Comment: m.String()})
}

// ownSegments lowers what a SYN proxy says to either side, since its segments are not forwarded: the SYN-ACK belongs to
// no connection, the SYN to one that a service sent on. The hook is behind that, for its route to be the real server's.
func (b *builder) ownSegments(m policy.MSS) {
	if m == 0 || !b.policy.ProxiesSyn() {
		return
	}
	chain := layout.ChainAnswers.Name()
	b.hook(chain, nft.Hook{Type: "filter", Point: nft.Output, Priority: priorityTranslated})
	b.rule(chain, nft.TCPOpens{}, nft.CtStray{}, lowerMSS(m))
	b.rule(chain, nft.TCPOpens{}, nft.CtStatus{Bit: nft.DNAT}, lowerMSS(m))
}
