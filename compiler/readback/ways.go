package readback

import (
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Way is what a zone makes of connections, or what a FULLNAT service translates them to. An object
// has several where families, or protocols with and without ports, fare differently.
type Way struct {
	Action                string         // as ct.Zone's
	Via                   string         // the uplink that the connections leave by; empty: whichever
	Pool                  string         // of translations: its name; "" for one written in line
	Laddrs                []inet.Range   // of a pool written in line
	Outside               inet.Range     // of a map
	Ports                 inet.PortRange // that source ports are bound to; zero: none, or the pool's chain has them
	Block                 int            // ports that each source has for its own; 0: they share
	Select                string         // how a pool's chain chooses, as layout.Variant has it
	Bound, Spread, Random bool           // as layout.Variant has them
}

func (w *Way) equal(o *Way) bool {
	return w.Action == o.Action && w.Via == o.Via && w.Pool == o.Pool && w.Outside == o.Outside && w.Ports == o.Ports && w.Block == o.Block && w.Select == o.Select &&
		w.Bound == o.Bound && w.Spread == o.Spread && w.Random == o.Random && slices.Equal(w.Laddrs, o.Laddrs)
}

// lastWay is the element that was read last, and whose: those of one object are mostly alike.
type lastWay struct {
	of         *[]Way
	set        *nft.Set
	verdict    nft.Verdict
	data, pool string
}

// translation notes what an element of a zone or service does: for flows in its pools, else in its
// ways, each once, in the order of the table.
func (rd *reading) translation(ways *[]Way, pools *[]*Pool, s *nft.Set, e *nft.Element, pool string) {
	if rd.flows {
		p := poolNamed(pools, pool)
		p.enter(rd, s, e)
		if _, ports, ok := dataRange(s, e); ok && rd.names[s].Kind == layout.Blocks {
			p.Block = ports.Len()
		}
		return
	}
	now := lastWay{ways, s, e.Verdict, e.Data, pool}
	if rd.last == now {
		return
	}
	rd.last = now
	way := rd.wayOf(s, e, pool)
	if !slices.ContainsFunc(*ways, func(o Way) bool { return o.equal(&way) }) {
		*ways = append(*ways, way)
	}
}

// wayOf reads what an element does.
func (rd *reading) wayOf(s *nft.Set, e *nft.Element, pool string) Way {
	n := rd.names[s]
	addrs, ports, ok := dataRange(s, e)
	switch {
	case n.Kind == layout.Mapped:
		return Way{Action: "map", Outside: addrs}
	case s.Data == nft.VerdictData && n.Kind.BySource() && !rd.chooses(e.Verdict):
		return Way{Action: actionBy(e.Verdict)}
	}
	w := Way{Action: "snat", Pool: pool, Via: n.Variant.Via}
	switch {
	case s.Data == nft.VerdictData:
		chain, _ := layout.ParseChain(e.Verdict.Chain)
		w.Select = chain.Variant.Select
		if pool == "" {
			w.Laddrs = rd.listed(e.Verdict.Chain).laddrs
		}
		return w
	case ok && pool == "":
		w.Laddrs = []inet.Range{addrs}
	}
	if n.Kind == layout.Blocks {
		w.Block = ports.Len()
	} else if ok {
		w.Ports = ports
		w.Bound, w.Spread, w.Random = n.Variant.Bound, n.Variant.Spread, n.Variant.Random
	}
	return w
}
