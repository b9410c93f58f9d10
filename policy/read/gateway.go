package read

import (
	"math"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// root reads a whole file.
func (w *walker) root(n *yaml.Node) {
	w.fields(n, words.Root, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "version":
			w.version(v, k)
		case "gateway":
			w.gateway(v)
		case "nodes":
			w.nodes(v)
		case "fleet":
			w.fleet(v)
		case "announce":
			w.announce(v)
		case "laddrs":
			w.laddrs(v)
		case "zones":
			w.policy.Zones = slices.Grow(w.policy.Zones, w.length(v))
			w.objects(v, "zone", w.zone)
		case "health_checks":
			w.healthChecks(v)
		case "services":
			w.policy.Services = slices.Grow(w.policy.Services, w.length(v))
			w.objects(v, "service", w.service)
		case "tests":
			w.objects(v, "test", w.test)
		}
		w.begin("", "")
	})
}

// version reads the version of the language.
func (w *walker) version(n *yaml.Node, k *words.Keyword) {
	wide := *k
	wide.Min, wide.Max = 0, math.MaxInt32
	if i, ok := w.integer(n, &wide); ok && (i < k.Min || i > k.Max) {
		w.fail(n, "N03", "write version: 1", "this snatctl does not know version %d of the policy language", i)
	}
}

// objects reads a list of mappings, each an object of a kind.
func (w *walker) objects(n *yaml.Node, kind string, read func(*yaml.Node)) {
	v, ok := w.value(n)
	if !ok {
		return
	}
	if v.Kind != yaml.SequenceNode {
		w.fail(v, "N03", "begin each "+kind+" with a dash", "must be a list, not %s", describe(v))
		return
	}
	path := w.path
	object := func(item *yaml.Node) {
		if item, ok := w.value(item); ok {
			w.begin(kind, textOf(item, "name"))
			read(item)
			w.begin("", "")
		}
		w.path = path
	}
	if items, _, ok := w.quick.each(v); ok {
		items(func(item *yaml.Node) bool { object(item); return true })
		return
	}
	for i, item := range v.Content {
		object(item)
		w.release(v, i)
	}
}

// byName reads a section that is a mapping of names to objects of a kind; the example is the value of
// one. A name that is reported as none is empty.
func (w *walker) byName(n *yaml.Node, kind, example string, read func(k, v *yaml.Node, name string)) {
	n, ok := w.value(n)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		w.fail(n, "N03", "write each "+kind+" as name: "+example, "must be %ss by name, not %s", kind, describe(n))
		return
	}
	path := w.path
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		w.begin("", "")
		w.path = path
		if _, ok := w.key(k); !ok {
			continue
		}
		w.begin(kind, k.Value)
		name, _ := w.objectName(k)
		read(k, n.Content[i+1], name)
		w.release(n, i+1)
	}
	w.begin("", "")
}

// length returns how many items a list has.
func (w *walker) length(list *yaml.Node) int {
	if _, n, ok := w.quick.each(list); ok {
		return n
	}
	return len(list.Content)
}

// gateway reads the section of that name.
func (w *walker) gateway(n *yaml.Node) {
	w.begin("gateway", "")
	g := &w.policy.Gateway
	if g.Pos.Line != 0 {
		w.fail(n, "G01", "write all of it in one file", "the section is there twice, first at %s", g.Pos)
		return
	}
	g.Pos = w.pos(n)
	g.Keys = w.fields(n, words.Gateway, func(k *words.Keyword, v *yaml.Node) {
		g.Items = w.places(g.Items, k, v)
		switch k.Name() {
		case "table":
			w.tableName(v, &g.Table)
		case "uplinks":
			w.uplinks(v, g)
		case "routing_tables":
			w.routingTables(v, &g.RoutingTables)
		case "unmatched":
			enum(w, v, k, &g.Unmatched)
		case "invalid":
			enum(w, v, k, &g.Invalid)
		case "cleanup":
			enum(w, v, k, &g.Cleanup)
		case "forwarding":
			w.boolean(v, &g.Forwarding)
		case "sysctls":
			w.boolean(v, &g.Sysctls)
		case "offload":
			enum(w, v, k, &g.Offload)
		case "addresses":
			g.Addresses = w.ownAddresses(v, k)
		case "mss":
			g.MSS = w.mss(v, k)
		case "timeouts":
			g.Timeouts = w.timeouts(v, k, words.GatewayTimeouts)
		}
	})
}

// ownAddresses reads a word, or a mapping with an interface.
func (w *walker) ownAddresses(n *yaml.Node, k *words.Keyword) policy.Addresses {
	a := policy.DefaultGateway().Addresses
	v, ok := w.value(n)
	switch {
	case !ok:
	case v.Kind == yaml.MappingNode:
		w.fields(v, words.Addresses, func(k *words.Keyword, v *yaml.Node) {
			if name, ok := w.iface(v, false); ok {
				a = policy.Addresses{Mode: policy.AddressesAssign, Interface: name}
			}
		})
	case v.Value == string(policy.AddressesAssign):
		w.fail(v, k.Errors[0], "write addresses: {assign: wan0}, with the interface that gets the addresses", "assign lacks an interface")
	default:
		enum(w, n, k, &a.Mode)
	}
	return a
}
