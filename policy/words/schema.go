package words

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// SchemaID is the `$id` of the schema, and the address that it can be had from.
const SchemaID = "https://github.com/snatctl/snatctl/raw/main/docs/policy.schema.json"

// Schema returns the JSON Schema (draft 2020-12) of the policy language, for editors. It is
// made of the same table as docs/policy.md and equal for every call.
//
// It describes one file, and each key by itself: what a policy is refused for by comparing
// keys or objects (a pool that is not defined, sources that an earlier zone takes), and what
// is lost between YAML and JSON (0100 is 64), it lets pass. What it refuses though it is
// valid is odd: a name that YAML takes for a truth value (True), a port written as 80-80.
func Schema() []byte {
	root := objectSchema("")
	root.Dialect, root.ID = "https://json-schema.org/draft/2020-12/schema", SchemaID
	root.Title = "snatctl policy"
	root.Description = "NAT gateway and layer-4 load balancer: zones, services and pools of local addresses (laddrs)."
	root.Defs = formSchemas()
	root.PatternProperties = properties{{"^" + Extension, &schema{Description: "Ignored: a place for YAML anchors."}}}
	var compact, out bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if enc.Encode(root) != nil || json.Indent(&out, compact.Bytes(), "", "  ") != nil {
		panic("the schema of the policy language is no JSON") // nothing of it comes from outside
	}
	return out.Bytes()
}

// schema is a JSON Schema, as far as the policy language needs it. The fields are in the
// order in which they are written; the zero value allows everything.
type schema struct {
	Dialect           string     `json:"$schema,omitempty"`
	ID                string     `json:"$id,omitempty"`
	Ref               string     `json:"$ref,omitempty"`
	Title             string     `json:"title,omitempty"`
	Description       string     `json:"description,omitempty"`
	Type              any        `json:"type,omitempty"` // a word or a list of them
	Const             any        `json:"const,omitempty"`
	Enum              []any      `json:"enum,omitempty"`
	Pattern           string     `json:"pattern,omitempty"`
	Minimum           *int       `json:"minimum,omitempty"`
	Maximum           *int       `json:"maximum,omitempty"`
	Not               *schema    `json:"not,omitempty"`
	AnyOf             []*schema  `json:"anyOf,omitempty"`
	Items             *schema    `json:"items,omitempty"`
	MinItems          int        `json:"minItems,omitempty"`
	UniqueItems       bool       `json:"uniqueItems,omitempty"`
	PropertyNames     *schema    `json:"propertyNames,omitempty"`
	Properties        properties `json:"properties,omitempty"`
	PatternProperties properties `json:"patternProperties,omitempty"`
	Required          []string   `json:"required,omitempty"`
	Additional        any        `json:"additionalProperties,omitempty"` // a schema, or false
	Default           any        `json:"default,omitempty"`
	Examples          []any      `json:"examples,omitempty"`
	Defs              properties `json:"$defs,omitempty"`
}

// properties are schemas by name, in the order of the language.
type properties []property

type property struct {
	name   string
	schema *schema
}

// MarshalJSON writes an object whose keys keep their order, which maps would not.
func (ps properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, p := range ps {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		if err := enc.Encode(p.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(p.schema); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// objectSchema describes the mapping at a path of the language.
func objectSchema(path string) *schema {
	keys := SectionOf(path)
	s := &schema{Type: "object", Required: keys.Required, Additional: false}
	instead := make(map[string][]string) // keys that another one may replace
	for _, k := range keys.Keys {
		s.Properties = append(s.Properties, property{k.Name(), keySchema(k)})
		if k.Unless != "" {
			instead[k.Unless] = append(instead[k.Unless], k.Name())
		}
	}
	for other, replaced := range instead { // of which there is one in the language
		s.AnyOf = []*schema{{Required: replaced}, {Required: []string{other}}}
	}
	if path == "laddrs.NAME" {
		s.AnyOf = []*schema{{Required: []string{"addresses"}}, {Required: []string{"nodes"}}}
	}
	return s
}

// keySchema describes the value of a key: what it may be, and what the reference says of it.
func keySchema(k *Keyword) *schema {
	forms := valueForms(k)
	s := &schema{AnyOf: forms}
	if len(forms) == 1 {
		s = forms[0]
	}
	s.Description = k.Meaning
	if k.Absent != "" {
		s.Description += " Absent: " + k.Absent + "."
	}
	if k.Default != "" {
		s.Default = fromYAML(k.Default)
	}
	s.Examples = []any{fromYAML(k.Example)}
	return s
}

// valueForms returns the forms that the value of a key may have.
func valueForms(k *Keyword) (forms []*schema) {
	switch {
	case k.Path == "laddrs":
		names := &schema{Ref: ref(aName), Not: &schema{Ref: ref(aRange)}}
		return []*schema{{Type: "object", PropertyNames: names, Additional: keySchema(anyOf("laddrs"))}}
	case k.Path == "nodes", k.Path == "laddrs.NAME.nodes":
		return []*schema{{Type: "object", PropertyNames: &schema{Ref: ref(aName)}, Additional: keySchema(anyOf(k.Path))}}
	case k.Path == "health_checks":
		names := &schema{Ref: ref(aName), Not: &schema{Enum: enum(policy.NoCheck)}}
		return []*schema{{Type: "object", PropertyNames: names, Additional: keySchema(anyOf("health_checks"))}}
	case k.Path == "gateway.uplinks":
		names := &schema{Ref: ref(aName), Not: &schema{Enum: enum(policy.Balance)}}
		forms = append(forms, itemForm(k), listForm(k))
		return append(forms, &schema{Type: "object", PropertyNames: names, Additional: keySchema(anyOf("gateway.uplinks"))})
	case k.Path == "zones[].laddrs":
		pool := []*schema{itemForm(k), listForm(k), {Ref: ref(aPoolName)}}
		return append(pool, &schema{Type: "object", PropertyNames: &schema{Ref: ref(aName)}, Additional: &schema{AnyOf: pool}})
	case k.Path == "health_checks.NAME":
		return []*schema{{Ref: "#/$defs/" + mappings[aCheckName]}}
	case k.Kind == aMapping && k.List:
		return []*schema{{Type: "array", Items: objectSchema(k.Path + "[]")}}
	case k.Kind == aMapping:
		return []*schema{objectSchema(k.Path)}
	case k.List:
		forms = append(forms, itemForm(k))
		forms = append(forms, listForm(k))
	default:
		forms = append(forms, itemForm(k))
	}
	if len(k.Words) > 0 && k.List {
		forms = append(forms, &schema{Enum: enum(k.Words...)})
	}
	switch {
	case k.Kind == aCheckName:
		forms = append(forms, &schema{Ref: "#/$defs/" + mappings[aCheckName]})
	case k.Or == aMapping:
		forms = append(forms, objectSchema(k.Path))
	case k.Or == aPoolName:
		forms = append(forms, &schema{Ref: ref(aPoolName)})
	case k.Or == aBoolean:
		forms = append(forms, &schema{Type: "boolean"})
	}
	return forms
}

// anyOf returns the key that stands for everything in a section whose names are the operator's.
func anyOf(section string) *Keyword { return SectionOf(section).Find("NAME") }

// listForm describes a value written as a list. Where two equal items are an error of their
// own, they are one here.
func listForm(k *Keyword) *schema {
	s := &schema{Type: "array", Items: itemForm(k)}
	if !k.Empty {
		s.MinItems = 1
	}
	switch k.Kind {
	case aVIP, anInterfacePattern, aServicePort, aZonePort, aHelper, aRealServer:
		s.UniqueItems = true
	}
	if mappings[k.Kind] != "" {
		s.Items = &schema{AnyOf: []*schema{itemForm(k), {Ref: "#/$defs/" + mappings[k.Kind]}}}
	}
	return s
}

// itemForm describes one value, or one item of a list.
func itemForm(k *Keyword) *schema {
	switch {
	case k.Kind == aWord:
		return &schema{Enum: enum(k.Words...)}
	case k.Kind == aBoolean:
		return &schema{Type: "boolean"}
	case k.Kind == aNumber && k.Min == k.Max:
		return &schema{Const: k.Min}
	case k.Kind == aNumber:
		return &schema{Type: "integer", Minimum: &k.Min, Maximum: &k.Max}
	}
	return &schema{Ref: ref(k.Kind)}
}

// enum returns words as the values that one may be. YAML takes one of digits for a number.
func enum(words ...string) []any {
	out := make([]any, 0, len(words))
	for _, w := range words {
		out = append(out, w)
		if n, err := strconv.Atoi(w); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// fromYAML returns a value of the table, which is written as in a policy.
func fromYAML(text string) any {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		panic("the policy language has an example that is no YAML: " + strings.TrimSpace(text))
	}
	return v
}
