package read

import (
	"iter"

	"gopkg.in/yaml.v3"
)

// nodes is memory for nodes, taken in large pieces.
type nodes struct {
	nodes []yaml.Node
	refs  []*yaml.Node // to what nodes contain
}

// Pieces of memory begin with room for so many nodes, and grow up to so many.
const fewestNodes, mostNodes = 64, 4096

func (m *nodes) add(n yaml.Node) *yaml.Node {
	if len(m.nodes) == cap(m.nodes) {
		m.nodes = make([]yaml.Node, 0, min(max(2*cap(m.nodes), fewestNodes), mostNodes))
	}
	m.nodes = append(m.nodes, n)
	return &m.nodes[len(m.nodes)-1]
}

func (m *nodes) contents(n int) []*yaml.Node {
	if n == 0 {
		return nil
	}
	if cap(m.refs)-len(m.refs) < n {
		m.refs = make([]*yaml.Node, 0, max(n, min(max(2*cap(m.refs), fewestNodes), mostNodes)))
	}
	from := len(m.refs)
	m.refs = m.refs[:from+n]
	return m.refs[from:len(m.refs):len(m.refs)]
}

// reset takes the memory back from all nodes that were made of it.
func (m *nodes) reset() { m.nodes, m.refs = m.nodes[:0], m.refs[:0] }

// styles are those that yaml.v3 gives to nodes.
var styles = [...]yaml.Style{singleQuoted: yaml.SingleQuotedStyle, doubleQuoted: yaml.DoubleQuotedStyle, escapedScalar: yaml.DoubleQuotedStyle, flowMapping: yaml.FlowStyle, flowList: yaml.FlowStyle}

// longLists are the keys of the root whose values have very many items.
var longLists = map[string]bool{"zones": true, "services": true, "tests": true}

// root returns the tree without the items of long lists: each makes them one by one.
func (q *quick) root() *yaml.Node {
	q.lists = make(map[*yaml.Node]int)
	var m nodes
	root := q.alone(&m, 0)
	at := 1
	for k := range root.Content {
		if t := q.tokens[at]; k%2 == 1 && longLists[root.Content[k-1].Value] && (t.form() == blockList || t.form() == flowList) {
			v := q.alone(&m, at)
			v.Content = nil
			root.Content[k], q.lists[v], at = v, at, int(t.a)
			continue
		}
		root.Content[k], at = q.node(&m, at)
	}
	return root
}

// alone makes the node of a token, with room for what it contains.
func (q *quick) alone(m *nodes, i int) *yaml.Node {
	t := &q.tokens[i]
	n := m.add(yaml.Node{Kind: yaml.SequenceNode, Style: styles[t.form()], Line: int(t.line), Column: t.column()})
	switch t.form() {
	case blockList, flowList:
		n.Content = m.contents(int(t.b))
	case blockMapping, flowMapping:
		n.Kind, n.Content = yaml.MappingNode, m.contents(int(t.b))
	case escapedScalar:
		n.Kind, n.Value = yaml.ScalarNode, unescaped(q.text[t.a:t.b])
	default:
		n.Kind, n.Value = yaml.ScalarNode, q.text[t.a:t.b]
	}
	return n
}

// node makes the nodes of a token and of all that it contains, and returns the token behind.
func (q *quick) node(m *nodes, i int) (*yaml.Node, int) {
	n := q.alone(m, i)
	i++
	for k := range n.Content {
		n.Content[k], i = q.node(m, i)
	}
	return n, i
}

// each goes through the items of a list that root made, in memory that serves one after the
// other: an item is good until the next comes. It returns how many there are; false: root made
// them, too.
func (q *quick) each(list *yaml.Node) (items iter.Seq[*yaml.Node], count int, ok bool) {
	if q == nil {
		return nil, 0, false
	}
	i, ok := q.lists[list]
	if !ok {
		return nil, 0, false
	}
	t := q.tokens[i]
	return func(yield func(*yaml.Node) bool) {
		var m nodes
		for at := i + 1; at < int(t.a); {
			m.reset()
			var n *yaml.Node
			if n, at = q.node(&m, at); !yield(n) {
				return
			}
		}
	}, int(t.b), true
}
