package read

import (
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// nodes reads the section of that name: nodes by name.
func (w *walker) nodes(n *yaml.Node) {
	if len(w.policy.Nodes) > 0 {
		w.fail(n, "F07", "write all nodes in one file", "the section is there twice, first at %s", w.policy.Nodes[0].Pos)
		return
	}
	w.byName(n, "node", "{router_id: 172.16.0.1}", func(k, v *yaml.Node, name string) {
		node := policy.Node{Name: name, Where: policy.Where{Pos: w.pos(k)}, State: policy.NodeActive}
		node.Keys = w.fields(v, words.Node, func(k *words.Keyword, v *yaml.Node) {
			switch k.Name() {
			case "router_id":
				node.RouterID = w.routerID(v)
			case "asn":
				asn, _ := w.integer(v, k)
				node.ASN = uint32(asn)
			case "address":
				node.Addresses = w.neighbours(v, "F09", "the address at which the other nodes reach this one", "a node has one address a family")
			case "state":
				enum(w, v, k, &node.State)
			}
		})
		w.policy.Nodes = append(w.policy.Nodes, node)
	})
	if len(w.policy.Nodes) == 0 && !w.broken {
		w.fail(n, "F07", "write at least one, or remove the section", "there are no nodes")
	}
}

// routerID reads an IPv4 address, which need not be one that any packet carries.
func (w *walker) routerID(n *yaml.Node) netip.Addr {
	a, ok := w.address(n)
	if ok && (!a.Is4() || a.IsUnspecified()) {
		w.fail(n, "N02", "write a number of 32 bits in the form of an IPv4 address", "%s is not a router ID", a)
		return netip.Addr{}
	}
	return a
}

// fleet reads the section of that name.
func (w *walker) fleet(n *yaml.Node) {
	w.begin("fleet", "")
	f := &w.policy.Fleet
	if f.Pos.Line != 0 {
		w.fail(n, "F07", "write all of it in one file", "the section is there twice, first at %s", f.Pos)
		return
	}
	f.Pos = w.pos(n)
	f.Keys = w.fields(n, words.Fleet, func(k *words.Keyword, v *yaml.Node) { enum(w, v, k, &f.Mode) })
}

// slices reads what each node has of a pool. The laddrs of the pool are those of all.
func (w *walker) slices(n *yaml.Node, p *policy.Pool) {
	v, ok := w.mapping(n, "laddrs by node, such as {gw1: 198.51.100.16/28, gw2: none}", []string{"the names of nodes"})
	if !ok {
		return
	}
	path := w.path
	var seen distinct[string]
	for i := 0; i+1 < len(v.Content); i += 2 {
		k, item := v.Content[i], v.Content[i+1]
		if _, ok := w.key(k); !ok {
			continue
		}
		name, ok := w.objectName(k)
		if !ok {
			continue
		}
		if !seen.add(name) {
			w.twice(v, k)
			continue
		}
		w.path = append(path, name)
		s := policy.Slice{Pos: w.pos(k), Node: name}
		if value, ok := w.value(item); ok && value.Kind == yaml.ScalarNode && strings.EqualFold(value.Value, "none") {
			s.None = true
		} else {
			s.Laddrs = w.laddrList(item)
		}
		w.path = path
		p.Slices = append(p.Slices, s)
		p.Laddrs = append(p.Laddrs, s.Laddrs...)
	}
	if len(p.Slices) == 0 && !w.broken {
		w.fail(n, "Z07", "write what each node has, or addresses for all", "the pool is empty")
	}
}

// joinSlices reports slices of nodes that are not defined.
func (l *loader) joinSlices(nodes map[string]int) {
	if len(nodes) == 0 || l.incomplete {
		return
	}
	for i := range l.policy.Laddrs {
		p := &l.policy.Laddrs[i]
		for _, s := range p.Slices {
			if _, ok := nodes[s.Node]; !ok {
				l.report.Fault(s.Pos, "F03", policy.Object{Kind: "pool", Name: p.Name}, "define it in the section nodes, or remove it here",
					"there is no node %q%s", s.Node, l.suggest(s.Node, nodes))
			}
		}
	}
}
