package words_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	fault "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// refusals enters the places that the schema refuses.
func refusals(s *jsonschema.Schema, file string, root *yaml.Node, seen map[policy.Pos]bool) {
	err, _ := s.Validate(jsonValue(root, 0)).(*jsonschema.ValidationError)
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		n := nodeAt(root, e.InstanceLocation)
		seen[policy.Pos{File: file, Line: n.Line, Col: n.Column}] = true
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			seen[policy.Pos{File: file, Line: n.Line, Col: n.Column}] = true
		}
		var keys []string
		switch k := e.ErrorKind.(type) {
		case *fault.AdditionalProperties:
			keys = k.Properties
		case *fault.PropertyNames:
			keys = []string{k.Property}
			for _, section := range []string{"laddrs", "health_checks"} { // the library reports another place
				if names := nodeAt(root, []string{section}); names != root && hasKey(names, k.Property) {
					n = names
				}
			}
		}
		if k, ok := e.ErrorKind.(*fault.UniqueItems); ok {
			item := n.Content[k.Duplicates[1]]
			seen[policy.Pos{File: file, Line: item.Line, Col: item.Column}] = true
		}
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			for _, key := range keys {
				if n.Content[i].Value == key {
					seen[policy.Pos{File: file, Line: n.Content[i].Line, Col: n.Content[i].Column}] = true
				}
			}
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	if err == nil {
		return
	}
	for _, cause := range err.Causes {
		walk(cause)
	}
}

// hasKey tells whether a node is a mapping with a key.
func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// nodeAt returns the node at a place of the JSON value made of root.
func nodeAt(root *yaml.Node, location []string) *yaml.Node {
	n := root
	for _, step := range location {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if i, err := strconv.Atoi(step); err == nil && n.Kind == yaml.SequenceNode {
			n = n.Content[i]
			continue
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				n = n.Content[i+1]
				break
			}
		}
	}
	return n
}

// jsonValue returns what a tree of YAML is in JSON. A tree that holds itself is cut off.
func jsonValue(n *yaml.Node, depth int) any {
	switch {
	case depth > 20:
		return nil
	case n.Kind == yaml.AliasNode:
		return jsonValue(n.Alias, depth+1)
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = jsonValue(n.Content[i+1], depth+1)
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = jsonValue(item, depth+1)
		}
		return list
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return fmt.Sprint(err)
	}
	switch v.(type) {
	case nil, bool, string, int, int64, uint64, float64:
		return v
	}
	return n.Value // a timestamp
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(words.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(words.SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(words.SchemaID) // and holds it against the metaschema that it names
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// archived returns the policies of a txtar file, or the one that a YAML file is.
func archived(t *testing.T, path string) (out []txtar.File) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".txtar") {
		return []txtar.File{{Name: path, Data: data}}
	}
	for _, f := range txtar.Parse(data).Files {
		if strings.HasSuffix(f.Name, ".yaml") {
			out = append(out, f)
		}
	}
	return out
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return paths
}
