package read

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// uplinks reads a list of interfaces, or uplinks by name.
func (w *walker) uplinks(n *yaml.Node, g *policy.Gateway) {
	v, ok := w.value(n)
	if !ok {
		return
	}
	if v.Kind != yaml.MappingNode {
		g.Uplinks = w.interfaces(n)
		return
	}
	path := w.path
	if len(v.Content) == 0 {
		w.fail(n, "N03", "write at least one, or remove the key", "the mapping is empty")
	}
	for i := 0; i+1 < len(v.Content); i += 2 {
		k := v.Content[i]
		name, ok := w.key(k)
		switch {
		case !ok:
			continue
		case name == policy.Balance:
			w.fail(k, "U01", "choose another name", "%s is what zones write that use all uplinks", name)
		case g.Uplink(name) != nil:
			w.twice(v, k)
			continue
		}
		name, _ = w.objectName(k)
		w.path = append(path, name)
		u := w.uplink(v.Content[i+1])
		w.path = path
		u.Name, u.Pos = name, w.pos(k)
		g.Routed = append(g.Routed, u)
		if u.Interface != "" && !slices.Contains(g.Uplinks, u.Interface) {
			g.Uplinks = append(g.Uplinks, u.Interface)
		}
	}
}

// uplink reads one uplink.
func (w *walker) uplink(n *yaml.Node) policy.Uplink {
	u := policy.Uplink{Weight: policy.DefaultUplinkWeight}
	u.Keys = w.fields(n, words.Uplink, func(k *words.Keyword, v *yaml.Node) {
		u.Items = w.places(u.Items, k, v)
		switch k.Name() {
		case "interface":
			u.Interface, _ = w.iface(v, false)
		case "gateway":
			u.Gateways = w.neighbours(v, "U02", "the address of the next router", "an uplink has one next router a family: write another uplink for it")
		case "weight":
			w.number(v, k, &u.Weight)
		case "check":
			u.Check = w.uplinkCheck(v)
		}
	})
	return u
}

// neighbours reads addresses of another machine that packets are sent to, one a family. What is wrong with them
// has a code of its own.
func (w *walker) neighbours(n *yaml.Node, code, what, one string) (out []netip.Addr) {
	for _, item := range w.someItems(n, what) {
		a, ok := w.address(item)
		switch {
		case !ok:
		case slices.ContainsFunc(out, func(o netip.Addr) bool { return inet.FamilyOf(o) == inet.FamilyOf(a) }):
			w.fail(item, code, one, "there is another %s address", inet.FamilyOf(a))
		case a.IsUnspecified(), a.IsLoopback(), a.IsMulticast():
			w.fail(item, code, "write "+what, "no packet can be sent to %s", a)
		default:
			out = append(out, a)
		}
	}
	return out
}

// uplinkCheck reads how an uplink is checked.
func (w *walker) uplinkCheck(n *yaml.Node) *policy.UplinkCheck {
	c := policy.DefaultUplinkCheck(w.checkType(n))
	c.Pos = w.pos(n)
	var targets *yaml.Node
	c.Keys = w.fields(n, words.UplinkCheck, func(k *words.Keyword, v *yaml.Node) {
		c.Items = w.places(c.Items, k, v)
		switch k.Name() {
		case "type":
			enum(w, v, k, &c.Type)
		case "targets":
			targets = v
		case "interval":
			w.atLeast(v, &c.Interval)
		case "timeout":
			w.atLeast(v, &c.Timeout)
		case "rise":
			w.number(v, k, &c.Rise)
		case "fall":
			w.number(v, k, &c.Fall)
		}
	})
	if targets != nil {
		c.Targets = w.targets(targets, c.Type)
	}
	if !c.Has("timeout") {
		c.Timeout = min(c.Timeout, c.Interval)
	}
	return &c
}

// targets reads what a check asks: addresses, with ports where its type has some.
func (w *walker) targets(n *yaml.Node, t policy.CheckType) (out []netip.AddrPort) {
	for _, item := range w.someItems(n, "addresses that the check asks") {
		a, port, ok := w.endpoint(item)
		switch {
		case !ok:
		case t == policy.CheckTCP && port == 0:
			w.fail(item, "U02", "write it like 1.1.1.1:443", "a check of type tcp needs the port of %s", a)
		case t == policy.CheckICMP && port != 0:
			w.fail(item, "U02", "remove the port", "a check of type icmp has no ports")
		default:
			out = append(out, netip.AddrPortFrom(a, port))
		}
	}
	return out
}

// routingTables reads a range of numbers of routing tables.
func (w *walker) routingTables(n *yaml.Node, into *policy.Tables) {
	text, ok := w.text(n, "a range like 20000-20099")
	if !ok {
		return
	}
	first, last, cut := strings.Cut(text, "-")
	a, err := strconv.Atoi(first)
	b, errLast := strconv.Atoi(last)
	switch {
	case !cut || err != nil || errLast != nil || !decimal.MatchString(first) || !decimal.MatchString(last):
		w.fail(n, "N03", "write it like 20000-20099", "%q is not a range of numbers", text)
	case b < a:
		w.fail(n, "U03", "write "+last+"-"+first, "the range %s is reversed", text)
	case a < policy.FirstTable || b > policy.LastTable:
		w.fail(n, "U03", "write it like 20000-20099", "routing tables and the priorities of rules lie in %d-%d here", policy.FirstTable, policy.LastTable)
	default:
		*into = policy.Tables{First: a, Last: b}
	}
}

// uplinkChoice reads the `uplink` of a zone: names of uplinks in order, or balance.
func (w *walker) uplinkChoice(n *yaml.Node) (c policy.UplinkChoice) {
	items := w.someItems(n, "the name of an uplink, names in order, or balance")
	for _, item := range items {
		name, ok := w.objectName(item)
		switch {
		case !ok:
		case name == policy.Balance && len(items) > 1:
			w.fail(item, "U01", "write uplink: balance, or names alone", "balance means all uplinks, and stands alone")
		case name == policy.Balance:
			c.Balance = true
		case slices.Contains(c.Names, name):
			w.fail(item, "U01", "remove one of the two", "the uplink %s is listed twice", name)
		default:
			c.Names = append(c.Names, name)
		}
	}
	return c
}

// uplinkLaddrs reads the `laddrs` of a zone where they are a pool per uplink; nil where they are not. A pool's
// name is empty for one that is written in line.
func (w *walker) uplinkLaddrs(n *yaml.Node) (out []policy.UplinkLaddrs, names []string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	if len(n.Content) == 0 {
		w.fail(n, "N03", "write a pool for each uplink", "the mapping is empty")
	}
	path := w.path
	out = make([]policy.UplinkLaddrs, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if _, ok := w.key(k); !ok {
			continue
		}
		name, ok := w.objectName(k)
		if !ok {
			continue
		}
		if slices.ContainsFunc(out, func(l policy.UplinkLaddrs) bool { return l.Uplink == name }) {
			w.twice(n, k)
			continue
		}
		w.path = append(path, name)
		pool, inline := w.poolOrList(n.Content[i+1])
		w.path = path
		out = append(out, policy.UplinkLaddrs{Uplink: name, Pos: w.pos(k), Laddrs: inline})
		names = append(names, pool)
	}
	return out, names
}

// namePerUplink notes which pools a zone names per uplink.
func (l *loader) namePerUplink(zone int, pools []string) {
	if len(pools) == 0 {
		return
	}
	if l.perUplink == nil {
		l.perUplink = make(map[int][]string)
	}
	l.perUplink[zone] = pools
}

// resolvePerUplink makes the pools of a zone point to those that it names.
func (l *loader) resolvePerUplink(pools map[string]int, zone int) {
	z := &l.policy.Zones[zone]
	for i, name := range l.perUplink[zone] {
		if at := &z.UplinkLaddrs[i]; at.Laddrs == nil {
			at.Laddrs = l.resolve(pools, name, &l.partial.Zones[zone], policy.Object{Kind: "zone", Name: z.Name}, &z.Where)
		}
	}
}
