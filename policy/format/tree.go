package format

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy/words"
)

// place is a line and a column of a file; both start at 1, columns count characters.
type place struct{ line, col int }

func (p place) before(q place) bool { return p.line < q.line || p.line == q.line && p.col < q.col }

func start(n *yaml.Node) place { return place{n.Line, n.Column} }

// entry is a key with its value, or an item of a list.
type entry struct {
	key    *yaml.Node // nil in lists
	value  *yaml.Node
	in     *group   // the group that it is in
	inner  *group   // of a value that is a list or mapping, else nil
	head   []string // lines above: comments, and "" for a blank line
	late   []string // comments that go below those lines: they stood between key and value, or behind
	trail  string   // the comment behind it
	breaks bool     // in brackets: a line begins with it
}

// start returns the place of the key, or of the item without its dash.
func (e *entry) start() place {
	if e.key != nil {
		return start(e.key)
	}
	return start(e.value)
}

// group is a list or a mapping.
type group struct {
	node    *yaml.Node
	owner   *entry // nil for the root
	entries []*entry
	header  []string // of the root: lines above that belong to no entry
	foot    []string // lines below the last entry
	flow    bool     // in brackets
	end     place    // of the closing bracket
	column  int      // of the entries without brackets: keys, or dashes
}

// group makes the group of a list or mapping and of all that it holds; nil for other nodes.
func (f *file) group(n *yaml.Node, owner *entry, ends map[*yaml.Node]place) *group {
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return nil
	}
	g := &group{node: n, owner: owner, flow: n.Style&yaml.FlowStyle != 0, end: ends[n], column: n.Column}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	last := n.Line
	for i := 0; i+step <= len(n.Content); i += step {
		e := &entry{value: n.Content[i+step-1], in: g}
		if step == 2 {
			e.key = n.Content[i]
		}
		e.breaks = e.start().line > last
		f.entries = append(f.entries, e)
		g.entries = append(g.entries, e)
		e.inner = f.group(e.value, e, ends)
		last = e.value.Line
		if e.inner != nil && e.inner.flow {
			last = e.inner.end.line
		}
	}
	if len(g.entries) == 0 {
		g.flow = true
		return g
	}
	if first := g.entries[0]; step == 2 {
		g.column = first.start().col
	} else if n.Anchor != "" {
		g.column = max(first.start().col-2, 1)
	}
	if g.flow && g.entries[0].breaks {
		g.unbracket()
	}
	return g
}

// unbracket takes the brackets from a group, and from those around it.
func (g *group) unbracket() {
	for g.flow && len(g.entries) > 0 {
		g.flow = false
		if g.owner == nil {
			return
		}
		g = g.owner.in
	}
}

// sort brings the keys of the language into its order; others follow as they are written.
// The path is the group's.
func (g *group) sort(path string) {
	known := words.Keys(path)
	rank := func(e *entry) int {
		if i := slices.Index(known, e.key.Value); i >= 0 {
			return i
		}
		return len(known)
	}
	if known != nil && g.node.Kind == yaml.MappingNode && len(g.entries) > 0 {
		first := g.entries[0]
		slices.SortStableFunc(g.entries, func(a, b *entry) int { return rank(a) - rank(b) })
		if g.owner == nil && g.entries[0] != first {
			g.header, first.head = splitHeader(first.head)
		}
	}
	for _, e := range g.entries {
		if e.inner == nil {
			continue
		}
		if e.key == nil {
			e.inner.sort(path + "[]")
		} else {
			e.inner.sort(below(path, e.key.Value))
		}
	}
}

// below returns the path of a key in a mapping. Pools, health checks and nodes have names of the
// operator's.
func below(path, key string) string {
	switch path {
	case "laddrs", "health_checks", "nodes", "laddrs.NAME.nodes":
		key = "NAME"
	}
	return strings.TrimPrefix(path+"."+key, ".")
}

// splitHeader parts the comments above the first entry of a file: what concerns the file, up to
// the last blank line, or the line that names its schema to editors; and what concerns the entry.
func splitHeader(head []string) (header, rest []string) {
	for i := len(head) - 1; i > 0; i-- {
		if head[i] == "" {
			return head[:i], head[i+1:]
		}
	}
	if len(head) > 0 && strings.HasPrefix(head[0], "# yaml-language-server:") {
		return head[:1], head[1:]
	}
	return nil, head
}

// lift moves comments to where they can be written, once brackets and order are decided: the
// first line of a list item belongs to what it holds, so that comments there go above it.
func (g *group) lift() {
	for _, e := range g.entries {
		if e.inner == nil {
			continue
		}
		e.inner.lift()
		if e.key != nil || e.inner.flow || e.value.Anchor != "" {
			continue
		}
		first := e.inner.entries[0]
		if e.trail != "" {
			e.head = append(e.head, e.trail)
		}
		for _, line := range first.head {
			if line != "" {
				e.head = append(e.head, line)
			}
		}
		e.trail, first.head = "", nil
	}
}
