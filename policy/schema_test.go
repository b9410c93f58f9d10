package policy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	fault "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/internal/golden"
)

// TestSchemaDocument makes docs/policy.schema.json; -update writes it.
func TestSchemaDocument(t *testing.T) {
	golden.Text(t, "../docs/policy.schema.json", Schema())
}

// TestSchemaOfValid holds that the schema takes whatever the loader takes: all policies that
// are in the repository, and every example of the reference.
func TestSchemaOfValid(t *testing.T) {
	s := compileSchema(t)
	accepted := 0
	check := func(name string, data []byte) {
		root, diag := Document(Source{name, data})
		if p, _ := Parse([]Source{{name, data}}); p == nil || diag != nil {
			return
		}
		accepted++
		if err := s.Validate(jsonValue(root, 0)); err != nil {
			t.Errorf("%s is valid, but the schema refuses it: %v\n%s", name, err, data)
		}
	}
	for _, glob := range []string{"../testdata/valid/*.yaml", "../examples/*.yaml", "../integration/testdata/*.yaml", "../internal/law/testdata/*.yaml"} {
		for _, path := range globbed(t, glob) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			check(path, data)
		}
	}
	for _, glob := range []string{"testdata/*.txtar", "testdata/*/*.txtar", "../compiler/testdata/*/*.txtar"} {
		for _, path := range globbed(t, glob) {
			for _, f := range archived(t, path) {
				check(path+" "+f.Name, f.Data)
			}
		}
	}
	for _, doc := range []string{"../docs/policy.md", "../README.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(text, -1) {
			check(doc, m[1])
		}
	}
	for i := range language {
		k := &language[i]
		check(k.Path, []byte(with(k, k.Example)))
		if k.Default != "" {
			check(k.Path, []byte(with(k, k.Default)))
		}
	}
	if accepted < 100 {
		t.Errorf("only %d policies were held against the schema", accepted)
	}
}

// unseen is what the schema cannot know, by code: comparisons of keys, objects or files, and
// arithmetic on addresses. A code that is missing here is one of shape, which the schema must
// find, at the same place as the loader.
var unseen = map[string]string{
	"P01": "compares objects", "P04": "a property of the address", "P14": "compares keys", "P15": "compares objects", "P16": "compares items",
	"S01": "compares objects; a VIP that stands twice it sees", "S02": "compares ranges", "S06": "the same server may be written in two ways",
	"S07": "compares keys", "S08": "compares families", "S09": "compares keys", "S16": "compares items", "S17": "compares items",
	"S20": "compares objects", "T02": "compares objects", "T03": "compares families", "Z01": "compares objects", "Z08": "compares families",
	"Z13": "compares keys", "Z14": "compares keys",
}

// unseenOf is the same for codes of which the schema sees a part.
var unseenOf = []struct{ code, message, why string }{
	{"G01", `the section stands twice`, "in two files"},
	{"N01", `the name is defined twice`, "compares objects"},
	{"N02", `is neither an address nor the name of a pool`, "it could be a name"},
	{"N02", `IPv4-mapped`, "a property of the address"},
	{"N03", `stands twice, first at`, "JSON has no repeated keys"},
	{"N03", `not valid YAML|the file is empty|a second YAML document|the alias|the aliases|merge keys|the YAML tag|a key must be text`, "YAML, not its content"},
	{"N03", `is not a plain number: .*(octal|hexadecimal|binary|underscore|exponent|decimal point|plus sign)`, "YAML makes a number of it before the schema sees it"},
	{"N03", `wants true or false, not "True"`, "YAML makes a truth value of it"},
	{"P08", `reversed`, "arithmetic"},
	{"Z03", `host bits set|reversed|mixes`, "arithmetic"},
	{"Z07", `there is no pool`, "compares objects"},
	{"Z09", `: icmp(v6)? has no ports$`, "compares keys"},
}

// TestSchemaOfInvalid holds every finding of the golden cases against the schema: it must see
// it at the same place, or the finding must be listed above.
func TestSchemaOfInvalid(t *testing.T) {
	s := compileSchema(t)
	used := map[string]bool{}
	for _, path := range append(globbed(t, "testdata/*.txtar"), globbed(t, "../testdata/invalid/*.yaml")...) {
		var srcs []Source
		for _, f := range archived(t, path) {
			srcs = append(srcs, Source(f))
		}
		_, ds := Parse(srcs)
		for _, src := range srcs {
			seen := map[Pos]bool{}
			if root, diag := Document(src); diag == nil {
				refusals(s, src.Name, root, seen)
			}
			for _, d := range ds {
				why, listed := listedUnseen(d)
				used[why] = true
				if d.Pos.File == src.Name && d.Severity == Error && !listed && !seen[d.Pos] {
					t.Errorf("%s: the schema does not see\n%v", path, d)
				}
			}
		}
	}
	for i, u := range unseenOf {
		if !used[strconv.Itoa(i)] {
			t.Errorf("no case has a %s with %q: it need not be listed", u.code, u.message)
		}
	}
}

// listedUnseen tells whether a finding is one that the schema cannot see, and by what.
func listedUnseen(d Diagnostic) (by string, listed bool) {
	for i, u := range unseenOf {
		if u.code == d.Code && regexp.MustCompile(u.message).MatchString(d.Msg) {
			return strconv.Itoa(i), true
		}
	}
	_, listed = unseen[d.Code]
	return d.Code, listed
}

// refusals enters the places that the schema refuses.
func refusals(s *jsonschema.Schema, file string, root *yaml.Node, seen map[Pos]bool) {
	err, _ := s.Validate(jsonValue(root, 0)).(*jsonschema.ValidationError)
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		n := nodeAt(root, e.InstanceLocation)
		seen[Pos{file, n.Line, n.Column}] = true
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			seen[Pos{file, n.Line, n.Column}] = true
		}
		var keys []string
		switch k := e.ErrorKind.(type) {
		case *fault.AdditionalProperties:
			keys = k.Properties
		case *fault.PropertyNames:
			keys = []string{k.Property}
			n = nodeAt(root, []string{"laddrs"}) // the library reports another place
		}
		if k, ok := e.ErrorKind.(*fault.UniqueItems); ok {
			item := n.Content[k.Duplicates[1]]
			seen[Pos{file, item.Line, item.Column}] = true
		}
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			for _, key := range keys {
				if n.Content[i].Value == key {
					seen[Pos{file, n.Content[i].Line, n.Content[i].Column}] = true
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
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaID) // and holds it against the metaschema that it names
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
