package law

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Policy makes up a policy that loader and compiler take. What they refuse is taken out
// again, object by object; refused says how many objects that were.
func Policy(rand *rand.Rand) (yaml []byte, refused int) {
	g := &maker{Rand: rand}
	d := g.draft()
	for {
		text := d.text()
		p, ds := Parse([]byte(text))
		if ds.Err() == nil {
			_, ds = compiler.Compile(p)
		}
		if ds.Err() == nil {
			return []byte(text), refused
		}
		n := 0
		for _, di := range ds {
			if di.Severity == policy.Error && d.remove(di.Object) {
				n++
			}
		}
		refused += n
		if n == 0 { // nobody is to blame: start again
			refused++
			d = g.draft()
		}
	}
}

// draft is a policy whose objects can be taken out.
type draft struct {
	gateway string
	objects []object
}

type object struct{ kind, name, text string }

func (d *draft) text() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if d.gateway != "" {
		b.WriteString("gateway: {" + d.gateway + "}\n")
	}
	for _, section := range []struct{ key, kind string }{{"laddrs", "pool"}, {"zones", "zone"}, {"services", "service"}} {
		head := section.key + ":\n"
		for _, o := range d.objects {
			if o.kind == section.kind {
				b.WriteString(head + o.text + "\n")
				head = ""
			}
		}
	}
	return b.String()
}

// remove takes out an object, called as diagnostics call it.
func (d *draft) remove(what string) bool {
	for i, o := range d.objects {
		if o.kind+" "+o.name == what {
			d.objects = append(d.objects[:i:i], d.objects[i+1:]...)
			return true
		}
	}
	return false
}

// maker draws what policies are made of. It knows few addresses, so that ranges meet.
type maker struct {
	*rand.Rand
	pools  []poolDraft
	routed []string          // uplinks that are objects
	edges  [windows][2][]int // where ranges of a window began and ended
}

type poolDraft struct {
	name  string
	block bool
}

func (g *maker) often(percent int) bool { return g.IntN(100) < percent }

func (g *maker) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g *maker) names(n int) []string {
	out := make([]string, n)
	for i, at := range g.Perm(len(names))[:n] {
		out[i] = names[at]
	}
	return out
}

func (g *maker) draft() *draft {
	g.pools, g.routed, g.edges = nil, nil, [windows][2][]int{}
	d := &draft{gateway: g.gateway()}
	for _, name := range g.names(g.IntN(5)) {
		d.objects = append(d.objects, object{"pool", name, g.pool(name)})
	}
	for _, name := range g.names(g.IntN(7)) {
		d.objects = append(d.objects, object{"zone", name, "  - {name: \"" + name + "\"" + g.zone() + "}"})
	}
	for _, name := range g.names(g.IntN(5)) {
		d.objects = append(d.objects, object{"service", name, "  - {name: \"" + name + "\"" + g.service() + "}"})
	}
	return d
}

func (g *maker) interfaces(names ...string) string {
	var list []string
	for range 1 + g.IntN(2) {
		list = append(list, "\""+g.pick(names...)+"\"")
	}
	return "[" + strings.Join(distinct(list), ", ") + "]"
}

func (g *maker) gateway() string {
	var keys []string
	switch n := g.IntN(100); {
	case n < 20:
		keys = append(keys, "uplinks: "+g.uplinks())
	case n < 70:
		keys = append(keys, "uplinks: "+g.interfaces("wan0", "wan1", "wan*", "ppp*", "ppp0", "ppp", "p*", "fifteen-letters", "fifteen-letter*"))
	}
	if g.often(60) {
		keys = append(keys, "unmatched: "+g.pick("accept", "drop", "reject"))
	}
	if g.often(30) {
		keys = append(keys, "invalid: "+g.pick("accept", "accept", "drop"))
	}
	if g.often(10) {
		keys = append(keys, "mss: "+g.pick("clamp", "1300"))
	}
	if t := g.timeouts(10); t != "" {
		keys = append(keys, t[2:])
	}
	return strings.Join(keys, ", ")
}

// laddrList draws what a pool holds: often apart, often of both families.
func (g *maker) laddrList() string {
	var list []string
	f := g.family()
	for range 1 + g.IntN(4) {
		text := g.rangeOf(laddrs, f)
		if g.often(20) {
			text = fmt.Sprintf("{address: %s, weight: %s}", text, g.pick("0", "1", "2", "3", "65535"))
		}
		list = append(list, text)
		if g.often(60) {
			f ^= inet.V4 ^ inet.V6
		}
	}
	return "[" + strings.Join(distinct(list), ", ") + "]"
}

func (g *maker) pool(name string) string {
	if g.often(15) {
		g.pools = append(g.pools, poolDraft{name, true})
		from, _ := g.span(laddrs, inet.V4)
		list := g.write(inet.Range{From: addr(laddrs, inet.V4, from), To: addr(laddrs, inet.V4, min(from+7, windowSize-1))})
		if from > 20 {
			list += ", " + g.write(inet.Range{From: addr(laddrs, inet.V4, 0), To: addr(laddrs, inet.V4, 9)})
		}
		return fmt.Sprintf("  \"%s\": {addresses: [%s], block: %s, ports: %s%s}", name, list, g.pick("2", "16", "1000", "60000"), g.pick("1024-65535", "1-65535", "5000-65001"), g.pick("", ", random: true"))
	}
	g.pools = append(g.pools, poolDraft{name, false})
	return fmt.Sprintf("  \"%s\": {addresses: %s%s%s}", name, g.laddrList(),
		g.pick("", "", "", ", ports: 1024-65535", ", ports: 2000-2999", ", ports: 7000"), g.pick("", "", ", random: true"))
}

// source draws the laddrs of a zone or service: a pool by name, often one that others use,
// or one written in line.
func (g *maker) source(block bool) (text string, isBlock bool) {
	var fit []poolDraft
	for _, p := range g.pools {
		if block || !p.block {
			fit = append(fit, p)
		}
	}
	text = "laddrs: "
	if len(fit) > 0 && g.often(70) {
		p := fit[g.IntN(len(fit))]
		text += "\"" + p.name + "\""
		isBlock = p.block
	} else {
		text += g.laddrList()
	}
	if g.often(50) {
		text += ", select: " + g.pick("source", "source-destination", "flow", "round-robin", "random")
	}
	return text, isBlock
}

func (g *maker) zone() string {
	var b strings.Builder
	refuses := false
	from := g.ranges(15, clients, clients, neighbours, servers)
	switch n := g.IntN(20); {
	case n < 6 && len(g.routed) > 0:
		b.WriteString(", " + g.byUplink())
	case n < 9:
		text, block := g.source(true)
		if block && g.often(80) { // blocks are for few sources
			from = "[" + g.rangeOf(clients, inet.V4) + "]"
		}
		b.WriteString(g.pick("", "", ", action: snat") + ", " + text)
	case n < 12:
		var text string
		from, text = g.mapping()
		b.WriteString(", map: " + text)
	case n < 13: // neither: reject
		refuses = true
	default:
		action := g.pick("masquerade", "masquerade", "accept", "drop", "reject")
		refuses = action == "drop" || action == "reject"
		b.WriteString(", action: " + action)
	}
	if !refuses && g.often(20) {
		b.WriteString(g.limits(g.pick("", "drop", "reject")))
	}
	choice := ""
	if !refuses {
		choice = g.choice()
		b.WriteString(choice)
	}
	if g.often(25) {
		b.WriteString(", to: " + g.ranges(20, outside, outside, vips, servers, mapped, clients))
	}
	if g.often(20) {
		b.WriteString(", ports: " + g.zonePorts())
	}
	if g.often(15) {
		b.WriteString(", iif: " + g.interfaces("lan0", "lan1", "lan*", "wan0", "gone", "fifteen-letter*"))
	}
	if choice == "" && g.often(20) {
		b.WriteString(", oif: " + g.interfaces("wan0", "wan1", "wan*", "lan0", "ppp0", "ppp*", "p*", "gone", "fifteen-letters"))
	}
	if g.often(30) {
		b.WriteString(", exclude: " + g.ranges(20, outside, outside, vips, servers, laddrs, clients))
	}
	if g.often(25) {
		b.WriteString(", helpers: " + g.helpers())
	}
	b.WriteString(g.timeouts(10))
	b.WriteString(g.pick("", "", "", "", "", ", mss: clamp", ", mss: 1400"))
	return ", from: " + from + b.String()
}

// mapping draws a prefix, written as one or as parts of it, and another of its length.
func (g *maker) mapping() (from, to string) {
	f := g.family()
	size := 1 << g.IntN(5)
	at := g.place(clients, f) &^ (size - 1)
	piece := func(at, n int) string {
		return g.write(inet.Range{From: addr(clients, f, at), To: addr(clients, f, at+n-1)})
	}
	from = piece(at, size)
	if size > 1 && g.often(25) {
		list := []string{piece(at, size/2), piece(at+size/2, size/2)}
		g.Shuffle(2, func(i, j int) { list[i], list[j] = list[j], list[i] })
		from = strings.Join(list, ", ")
	}
	w, there := mapped, g.place(mapped, f)&^(size-1)
	if g.often(5) { // to itself, or to where other zones are
		w, there = clients, g.place(clients, f)&^(size-1)
	}
	p, _ := inet.Range{From: addr(w, f, there), To: addr(w, f, there+size-1)}.Prefix()
	return "[" + from + "]", fmt.Sprintf("%q", p)
}

func (g *maker) zonePorts() string {
	var list []string
	for range 1 + g.IntN(3) {
		list = append(list, g.pick("icmp", "icmpv6", g.ports()))
	}
	return "[" + strings.Join(distinct(list), ", ") + "]"
}

func (g *maker) ports() string {
	return g.pick("tcp", "tcp", "udp", "sctp") + "/" + g.pick("80", "80", "81", "1", "65535", "79-81", "80-81", "81-90", "82-65535", "1-79", "1-65535", "*", "*")
}

// Large makes up a policy of so many services that not each has a counter of its own, and
// that the slots of the others are dealt out over several maps.
func Large(rand *rand.Rand, services int) []byte {
	g := &maker{Rand: rand}
	var b strings.Builder
	b.WriteString("version: 1\nladdrs:\n  pool: [\"198.51.100.1-198.51.100.3\", \"2001:db8:99::1\"]\nservices:\n")
	for i := range services {
		fmt.Fprintf(&b, "  - {name: s%d, vip: [203.%d.%d.1, \"2001:db8::%x\"], ports: %s, scheduler: %s", i, i>>8, i&255, i,
			g.pick("tcp/80", "tcp/80", "[tcp/80, tcp/443, udp/443]", "[udp/53, tcp/53]", "tcp/8000-8099", "udp/*"), g.pick("wrr", "wrr", "wlc", "random", "sh", "dh"))
		if g.often(30) {
			b.WriteString(", mode: fullnat, laddrs: pool")
		}
		if g.often(10) {
			b.WriteString(", persistence: 60s")
		}
		var list []string
		for k := range 1 + g.IntN(5) {
			list = append(list, fmt.Sprintf("{address: %q, weight: %d}", addr(servers, g.family(), k+1), g.IntN(4)))
		}
		fmt.Fprintf(&b, ", real_servers: [%s]}\n", strings.Join(list, ", "))
	}
	return []byte(b.String())
}
