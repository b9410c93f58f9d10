package read

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// laddrs reads the section of that name: pools by name.
func (w *walker) laddrs(n *yaml.Node) {
	w.policy.Laddrs = slices.Grow(w.policy.Laddrs, len(n.Content)/2)
	w.byName(n, "pool", "[addresses]", func(k, v *yaml.Node, name string) {
		if isAddresses(name) {
			w.fail(k, "N01", "choose a name that is not an address", "a zone could not tell this name from an address")
		}
		p := w.pool(v)
		p.Name, p.Pos = name, w.pos(k)
		w.policy.Laddrs = append(w.policy.Laddrs, p)
		w.partial.Pools = append(w.partial.Pools, w.broken)
	})
}

// pool reads the value of a pool's name: a list of laddrs, or a mapping with one.
func (w *walker) pool(n *yaml.Node) policy.Pool {
	var p policy.Pool
	n, ok := w.value(n)
	if !ok {
		return p
	}
	if n.Kind != yaml.MappingNode {
		p.Laddrs = w.laddrList(n)
		return p
	}
	p.Keys = w.fields(n, words.Pool, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "addresses":
			p.Laddrs = w.laddrList(v)
		case "ports":
			p.Ports = w.portRange(v)
		case "random":
			w.boolean(v, &p.Random)
		case "block":
			p.Block, _ = w.integer(v, k)
		case "nodes":
			w.slices(v, &p)
		case "need":
			need, _ := w.integer(v, k)
			p.Need = uint64(need)
		}
	})
	switch has := (policy.Where{Keys: p.Keys}); {
	case has.Has("addresses") && has.Has("nodes"):
		w.fail(n, "F07", "remove one of the two", "a pool has addresses for all nodes, or nodes with addresses of their own")
	case !has.Has("addresses") && !has.Has("nodes") && !w.broken:
		w.fail(n, "N03", "", "the key \"addresses\" is missing")
	}
	return p
}

// laddrList reads the entries of a pool.
func (w *walker) laddrList(n *yaml.Node) []policy.Laddr {
	items := w.items(n, "a list of addresses, ranges and prefixes")
	if v, ok := w.value(n); ok && v.Kind == yaml.SequenceNode && len(items) == 0 {
		w.fail(n, "Z07", "write at least one address", "the pool is empty")
	}
	out := make([]policy.Laddr, 0, len(items))
	for _, item := range items {
		l := policy.Laddr{Pos: w.pos(item), Weight: policy.DefaultLaddrWeight}
		item, ok := w.value(item)
		if !ok {
			continue
		}
		if item.Kind == yaml.MappingNode {
			w.fields(item, words.Laddr, func(k *words.Keyword, v *yaml.Node) {
				switch k.Name() {
				case "address":
					l.Pos = w.pos(v)
					l.Range, ok = w.addresses(v)
					l.Prefix = ok && isPrefix(v)
				case "weight":
					if weight, isWeight := w.integer(v, k); isWeight {
						l.Weight = weight
					}
				}
			})
		} else {
			l.Range, ok = w.addresses(item)
			l.Prefix = ok && isPrefix(item)
		}
		if ok && l.Range.Family() != 0 {
			out = append(out, l)
		}
	}
	return out
}

// isPrefix tells whether an address, range or prefix is written as a prefix.
func isPrefix(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return strings.Contains(n.Value, "/")
}

// portRange reads "1024-65535" or one port. "*" is the kernel's choice, as if absent.
func (w *walker) portRange(n *yaml.Node) inet.PortRange {
	text, ok := w.portText(n)
	if !ok || text == "*" {
		return inet.PortRange{}
	}
	r, err := inet.ParsePortRange(text)
	if err != nil {
		w.badPorts(n, err)
	}
	return r
}

// portText returns a port or port range as text; a plain number must be in decimal.
func (w *walker) portText(n *yaml.Node) (string, bool) {
	text, ok := w.text(n, "a port")
	if !ok {
		return "", false
	}
	if why := notDecimal(text); why != "" && why != "it is text" {
		w.fail(n, "N03", "write a plain decimal number", "%s is not a plain number: %s", text, why)
		return "", false
	}
	return text, true
}

// badPorts reports what inet says about ports.
func (w *walker) badPorts(n *yaml.Node, err error) {
	code := "N03"
	if errors.Is(err, inet.ErrPortZero) || errors.Is(err, inet.ErrPortsReversed) {
		code = "P08"
	}
	w.fail(n, code, "", "%s", err)
}

// poolOrList reads the `laddrs` of a zone or service: the name of a pool, or a pool
// written in line.
func (w *walker) poolOrList(n *yaml.Node) (name string, inline *policy.Pool) {
	v, ok := w.value(n)
	if !ok {
		return "", nil
	}
	if v.Kind == yaml.MappingNode {
		w.fail(n, "N03", "define a pool in the section laddrs and name it here", "must be the name of a pool or a list of addresses, not a mapping")
		return "", nil
	}
	if v.Kind == yaml.ScalarNode && !isNull(v) && !isAddresses(v.Value) {
		if !strings.ContainsAny(v.Value, "/:") {
			name, _ = w.objectName(v)
			return name, nil
		}
	}
	return "", &policy.Pool{Where: policy.Where{Pos: w.pos(n)}, Laddrs: w.laddrList(n)}
}
