package law

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// window is a run of 64 addresses of each family.
type window int

const (
	clients    window = iota
	neighbours        // right behind the clients
	outside
	laddrs
	vips
	servers
	mapped
	windows
)

var bases = [windows][2]string{
	clients:    {"10.0.0.0", "fd00::"},
	neighbours: {"10.0.0.64", "fd00::40"},
	outside:    {"8.8.8.0", "2001:db8:8::"},
	laddrs:     {"198.51.100.0", "2001:db8:99::"},
	vips:       {"203.0.113.0", "2001:db8::"},
	servers:    {"192.168.1.0", "fd05::"},
	mapped:     {"198.18.0.0", "2001:db8:18::"},
}

const windowSize = 64

// side numbers the families.
func side(f inet.Family) int {
	if f == inet.V4 {
		return 0
	}
	return 1
}

// addr returns the i-th address of a window.
func addr(w window, f inet.Family, i int) netip.Addr {
	b := netip.MustParseAddr(bases[w][side(f)]).AsSlice()
	b[len(b)-1] += byte(i)
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (g *maker) family() inet.Family {
	if g.often(55) {
		return inet.V4
	}
	return inet.V6
}

// place draws a place in a window, and often one beside an edge that was drawn before.
func (g *maker) place(w window, f inet.Family) int {
	e := g.edges[w][side(f)]
	if len(e) == 0 || g.often(50) {
		return g.IntN(windowSize)
	}
	return min(max(e[g.IntN(len(e))]+g.IntN(3)-1, 0), windowSize-1)
}

// span draws a range of a window.
func (g *maker) span(w window, f inet.Family) (from, to int) {
	switch n := g.IntN(10); {
	case n < 3:
		from = g.place(w, f)
		to = from
	case n < 7:
		size := 1 << g.IntN(7)
		from = g.place(w, f) &^ (size - 1)
		to = from + size - 1
	default:
		from, to = g.place(w, f), g.place(w, f)
		if to < from {
			from, to = to, from
		}
	}
	i := f/4%2 ^ 1
	g.edges[w][i] = append(g.edges[w][i], from, to)
	return from, to
}

// write writes a range as policies do, in one of its forms.
func (g *maker) write(r inet.Range) string {
	p, isPrefix := r.Prefix()
	switch {
	case r.Single() && g.often(70):
		return fmt.Sprintf("%q", r.From)
	case isPrefix && g.often(80):
		return fmt.Sprintf("%q", p)
	}
	return fmt.Sprintf("%q", r.From.String()+"-"+r.To.String())
}

func (g *maker) rangeOf(w window, f inet.Family) string {
	from, to := g.span(w, f)
	return g.write(inet.Range{From: addr(w, f, from), To: addr(w, f, to)})
}

// anywhere draws a range of some windows, or everything.
func (g *maker) anywhere(f inet.Family, all int, ws ...window) string {
	if g.often(all) {
		return g.write(inet.Everything(f))
	}
	return g.rangeOf(ws[g.IntN(len(ws))], f)
}

// ranges draws some ranges, of both families more often than not.
func (g *maker) ranges(all int, ws ...window) string {
	var list []string
	f := g.family()
	for range 1 + g.IntN(3) {
		list = append(list, g.anywhere(f, all, ws...))
		if g.often(60) {
			f ^= inet.V4 ^ inet.V6
		}
	}
	return "[" + strings.Join(distinct(list), ", ") + "]"
}

func distinct(list []string) (out []string) {
	seen := make(map[string]bool)
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}

// names look like parts of the names that the compiler gives, like each other, and are long.
var names = []string{"a", "A", "b", "a-b", "random", "ports", "spread", "any", "keep", "range", "does", "zone", "mapped", "web", "x.1", "flow", "0", "4", "6",
	strings.Repeat("long-", 12) + "one", strings.Repeat("long-", 12) + "two"}
