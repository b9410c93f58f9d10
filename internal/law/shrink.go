package law

import (
	"bytes"

	"gopkg.in/yaml.v3"
)

// Shrink takes from a policy whatever can go while broken still says yes: whole sections,
// then objects, keys and the items of lists, again and again until nothing can.
func Shrink(policy []byte, broken func(yaml []byte) bool) []byte {
	best := policy
	for {
		var doc yaml.Node
		if err := yaml.Unmarshal(best, &doc); err != nil || len(doc.Content) == 0 {
			return best
		}
		s := shrinker{doc: doc.Content[0], broken: broken}
		s.node(s.doc)
		if s.best == nil {
			return best
		}
		best = s.best
	}
}

type shrinker struct {
	doc    *yaml.Node
	broken func(yaml []byte) bool
	best   []byte // the last that was still broken; nil: nothing could go
}

// try keeps a change to the document if it is still broken, else undoes it.
func (s *shrinker) try(n *yaml.Node, content []*yaml.Node) bool {
	old := n.Content
	n.Content = content
	text := encode(s.doc)
	if s.broken(text) {
		s.best = text
		return true
	}
	n.Content = old
	return false
}

func (s *shrinker) node(n *yaml.Node) {
	step := map[yaml.Kind]int{yaml.SequenceNode: 1, yaml.MappingNode: 2}[n.Kind]
	if step == 0 {
		return
	}
	for i := 0; i+step <= len(n.Content); {
		rest := append(append([]*yaml.Node{}, n.Content[:i]...), n.Content[i+step:]...)
		if s.try(n, rest) {
			continue
		}
		s.node(n.Content[i+step-1])
		i += step
	}
}

// encode writes objects a line each.
func encode(n *yaml.Node) []byte {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil
	}
	return b.Bytes()
}
