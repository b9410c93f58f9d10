package read

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// maxExpansion is how many nodes the aliases of one file may expand to, all together.
// It keeps a small file from meaning a huge policy ("billion laughs").
const maxExpansion = 100_000

// walker goes through the tree of one file, once, from top to bottom. It reports what
// it does not like and goes on, so that one run shows everything.
type walker struct {
	*loader
	file   string
	about  policy.Object // the object at hand; zero outside of objects
	path   []string      // keys that lead from the object to the value at hand
	inner  [4]string     // room for the path inside an object
	broken bool          // an error was reported since begin
	expand int           // nodes that aliases may still expand to
	quick  *quick        // makes the items of long lists; nil: they are in the tree
	spent  yaml.Node
}

// begin says which object the following reports concern; the path starts at it.
func (w *walker) begin(kind, name string) {
	w.path = w.inner[:0]
	w.about, w.broken = policy.Object{Kind: kind, Name: name}, false
}

// pos returns the place of a node.
func (w *walker) pos(n *yaml.Node) policy.Pos {
	return policy.Pos{File: w.file, Line: n.Line, Col: n.Column}
}

// fail reports an error at a node. The message begins with the object and the key.
func (w *walker) fail(n *yaml.Node, code, hint, format string, args ...any) {
	w.broken = true
	msg := fmt.Sprintf(format, args...)
	if len(w.path) > 0 {
		msg = strings.Join(w.path, ".") + ": " + msg
	}
	object := w.about.String()
	if object != "" {
		msg = object + ": " + msg
	}
	w.report.Add(policy.Diagnostic{Pos: w.pos(n), Severity: policy.Error, Code: code, Object: object, Msg: msg, Hint: hint})
}

// value follows an alias and refuses explicit tags. It returns false where it reported.
func (w *walker) value(n *yaml.Node) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		size := aliasFree(n.Alias, w.expand)
		switch {
		case size == 0:
			w.expand /= 2 // finding that out was work, too
			w.fail(n, "N03", "write the value out", "the alias *%s refers to text that contains aliases itself", n.Value)
			return nil, false
		case size > w.expand:
			w.expand = 0
			w.fail(n, "N03", "write the values out", "the aliases of this file expand to more than %d values", maxExpansion)
			return nil, false
		}
		w.expand -= size
		n = n.Alias
	}
	if n.Style&yaml.TaggedStyle != 0 {
		w.fail(n, "N03", "remove the tag", "the YAML tag %s is not allowed here", n.Tag)
		return nil, false
	}
	return n, true
}

// release lets go an element of a list or mapping that was read: the tree of a large
// policy takes more memory than the policy itself. What aliases point to must stay.
func (w *walker) release(parent *yaml.Node, i int) {
	if parent.Anchor == "" {
		parent.Content[i] = &w.spent
	}
}

// aliasFree counts the nodes below n, up to just over limit. It returns 0 where one of
// them is an alias.
func aliasFree(n *yaml.Node, limit int) int {
	if n.Kind == yaml.AliasNode {
		return 0
	}
	count := 1
	for _, child := range n.Content {
		if count > limit {
			break
		}
		size := aliasFree(child, limit-count)
		if size == 0 {
			return 0
		}
		count += size
	}
	return count
}

// describe says what a node is, in words.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing (null)"
	}
	return fmt.Sprintf("%q", n.Value)
}

// isPlain tells whether a scalar is written without quotes, so that YAML may take it for
// something else than text.
func isPlain(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.Kind == yaml.ScalarNode && n.Style&quoted == 0
}

func isNull(n *yaml.Node) bool {
	return isPlain(n) && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value)
}

// fields walks a mapping whose keys are those of a section. It calls visit once for every
// known key, in the order written, reports required keys that are missing, and returns the
// places of the values.
func (w *walker) fields(n *yaml.Node, s *words.Section, visit func(k *words.Keyword, v *yaml.Node)) []policy.KeyPos {
	n, ok := w.mapping(n, "a mapping with "+s.Names[0]+" and so on", s.Names)
	if !ok {
		return nil
	}
	written := make([]policy.KeyPos, 0, min(len(n.Content)/2, len(s.Names)))
	path := w.path
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key, ok := w.key(k)
		if !ok {
			continue
		}
		known := s.Find(key)
		ignored := s == words.Root && strings.HasPrefix(key, words.Extension) // aliases are read where they are used
		if known == nil && !ignored {
			w.fail(k, "N03", "the keys here are "+words.List(s.Names), "unknown key %q%s", key, words.DidYouMean(key, s.Names))
			continue
		}
		if (policy.Where{Keys: written}).Has(key) {
			w.twice(n, k)
			continue
		}
		if ignored {
			written = append(written, policy.KeyPos{Key: strings.Clone(key), Pos: w.pos(v)})
			continue
		}
		key = known.Name()
		written = append(written, policy.KeyPos{Key: key, Pos: w.pos(v)})
		w.path = append(path, key)
		visit(known, v)
		w.path = path
	}
	for _, key := range s.Lacks(policy.Where{Keys: written}.Has) {
		w.fail(n, "N03", "", "the key %q is missing", key)
	}
	return written
}

// places adds the places of a list's items. Laddrs and real servers know their own.
func (w *walker) places(into []policy.KeyPos, k *words.Keyword, v *yaml.Node) []policy.KeyPos {
	if v.Kind == yaml.AliasNode {
		v = v.Alias
	}
	if v.Kind != yaml.SequenceNode || k.Placed() {
		return into
	}
	into = slices.Grow(into, len(v.Content))
	for _, item := range v.Content {
		into = append(into, policy.KeyPos{Key: k.Name(), Pos: w.pos(item)})
	}
	return into
}

// twice reports a key that the mapping n has earlier, too.
func (w *walker) twice(n, k *yaml.Node) {
	first := slices.IndexFunc(n.Content, func(c *yaml.Node) bool { return c.Value == k.Value && c.Kind == yaml.ScalarNode })
	w.fail(k, "N03", "remove one of the two", "the key %q is there twice, first at %s", k.Value, w.pos(n.Content[first]))
}

// mapping returns a node if it is a mapping.
func (w *walker) mapping(n *yaml.Node, want string, keys []string) (*yaml.Node, bool) {
	n, ok := w.value(n)
	if !ok {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		w.fail(n, "N03", "the keys here are "+words.List(keys), "must be %s, not %s", want, describe(n))
		return nil, false
	}
	return n, true
}

// key returns the text of a mapping's key.
func (w *walker) key(k *yaml.Node) (string, bool) {
	switch {
	case k.Kind != yaml.ScalarNode || isNull(k):
		w.fail(k, "N03", "write a plain word before the colon", "a key must be text, not %s", describe(k))
		return "", false
	case k.Style&yaml.TaggedStyle != 0 && k.Value != "<<":
		w.fail(k, "N03", "remove the tag", "the YAML tag %s is not allowed here", k.Tag)
		return "", false
	case k.Value == "<<" && isPlain(k):
		w.fail(k, "N03", "write the keys out", "YAML merge keys (<<) are not allowed")
		return "", false
	}
	return k.Value, true
}

// items returns the elements of a list, or the one scalar written instead of a list of it.
func (w *walker) items(n *yaml.Node, want string) []*yaml.Node {
	n, ok := w.value(n)
	switch {
	case !ok:
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Content
	case n.Kind == yaml.ScalarNode && !isNull(n):
		return []*yaml.Node{n}
	}
	hint := "write them as [a, b], or one a line after a dash"
	if isNull(n) {
		hint = "write a value, or remove the key"
	}
	w.fail(n, "N03", hint, "must be %s, not %s", want, describe(n))
	return nil
}

// someItems is items for a list that must not be empty.
func (w *walker) someItems(n *yaml.Node, want string) []*yaml.Node {
	items := w.items(n, want)
	if v, ok := w.value(n); ok && v.Kind == yaml.SequenceNode && len(items) == 0 {
		w.fail(n, "N03", "write at least one, or remove the key", "the list is empty")
	}
	return items
}
