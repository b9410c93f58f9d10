package tell

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

type serviceView struct {
	read    *readback.Service // nil: the table does not have it
	servers []readback.Server // in order, each once
}

// serverName names a real server. One that takes clients at the port that they called has
// another port in each of the service's keys, and port 0 here.
func serverName(rs *readback.Server) netip.AddrPort { return netip.AddrPortFrom(rs.Addr, rs.Port) }

// appendServer appends the name of a real server.
func appendServer(b []byte, rs netip.AddrPort) []byte {
	if rs.Port() == 0 {
		return rs.Addr().AppendTo(b)
	}
	return rs.AppendTo(b)
}

// owners finds the service of a key in the slot maps.
type owners map[string]string

func ownersOf(r *nft.Ruleset) owners {
	o := make(owners)
	if r == nil {
		return o
	}
	for _, s := range r.Sets {
		if layout.KindOfSet(s.Name) != layout.Services {
			continue
		}
		for _, e := range s.Elements {
			o[layout.FrontOf(s, e.Key+e.KeyEnd)] = e.Comment
		}
	}
	return o
}

// of returns the service that a slot belongs to: the key less the slot, for ranges at
// both ends.
func (o owners) of(s *nft.Set, e *nft.Element) string {
	return o[layout.FrontOf(s, layout.SlotFront(e))]
}

// distinct returns real servers, in order, once each: somebody may have changed a table so that
// one is listed twice.
func distinct(servers []readback.Server) []readback.Server {
	return slices.CompactFunc(servers, func(a, b readback.Server) bool { return a.Addr == b.Addr && a.Port == b.Port })
}

// does says the mode, and which laddrs sources are translated to.
func (sv *serviceView) does() string {
	if len(sv.read.Ways) == 0 {
		return "nat"
	}
	return "fullnat with " + waysText(sv.read.Ways)
}

// ports returns where the service takes connections: "203.0.113.10 tcp/80", "mark 7".
func (sv *serviceView) ports() []string {
	out := make([]string, len(sv.read.Fronts))
	for i, f := range sv.read.Fronts {
		out[i] = f.String()
	}
	slices.SortFunc(out, layout.CompareNatural)
	return slices.Compact(out)
}

// byFamily prints what holds for the families, once where it is the same.
func (sv *serviceView) byFamily(text func(*readback.Family) string) string {
	four, six := text(sv.read.Family(inet.V4)), text(sv.read.Family(inet.V6))
	switch {
	case six == "" || four == six:
		return four
	case four == "":
		return six
	}
	return four + " (IPv4), " + six + " (IPv6)"
}

func (sv *serviceView) scheduler() string {
	return sv.byFamily(func(f *readback.Family) string {
		if f.Leads == (nft.Verdict{}) {
			return ""
		}
		return readback.SchedulerOf(f.Leads)
	})
}

func (sv *serviceView) persistence() string {
	return sv.byFamily(func(f *readback.Family) string {
		if f.Remember == (nft.Verdict{}) {
			return ""
		}
		chain, ok := layout.ParseChain(f.Remember.Chain)
		if !ok {
			return ""
		}
		return fmt.Sprintf("persistence %ds by /%d", chain.Variant.Seconds, chain.Variant.Bits)
	})
}

// allowed returns the sources that may use the service; none: all.
func (sv *serviceView) allowed() []inet.Range {
	return inet.Merge(sv.read.Allowed)
}

// hairpin names the callers that get another source. Where they are the service's real servers it
// says so, or every change of these would be one of the hairpin.
func (sv *serviceView) hairpin() string {
	if sv.read == nil || len(sv.read.Hairpin) == 0 {
		return ""
	}
	servers := make([]inet.Range, len(sv.servers))
	for i := range sv.servers {
		servers[i] = inet.AddrRange(sv.servers[i].Addr)
	}
	if slices.Equal(sv.read.Hairpin, inet.Merge(servers)) {
		return "hairpin"
	}
	return "hairpin for " + rangesText(sv.read.Hairpin)
}

// share is a part of a service's new connections, in lowest terms, and the weight that it
// comes from.
type share struct {
	slots, of, weight int
	down              bool
}

func (s share) String() string {
	switch {
	case s.down:
		return "down"
	case s.slots == 0:
		return "drains"
	}
	return "share " + s.fraction()
}

func (s share) fraction() string {
	g := gcd(s.slots, s.of)
	return strconv.Itoa(s.slots/g) + "/" + strconv.Itoa(s.of/g)
}

// totals are how many slots each family has.
type totals struct{ four, six int }

func (sv *serviceView) totals() (t totals) {
	for i := range sv.servers {
		*t.of(sv.servers[i].Addr) += sv.servers[i].Slots
	}
	return t
}

func (t *totals) of(a netip.Addr) *int {
	if inet.FamilyOf(a) == inet.V4 {
		return &t.four
	}
	return &t.six
}

// share returns what a real server gets of its family's connections.
func (t totals) share(rs *readback.Server) share {
	return share{rs.Slots, *t.of(rs.Addr), rs.Weight, rs.Down}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
