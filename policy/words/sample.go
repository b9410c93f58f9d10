package words

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// Sample returns a policy where one key has a value, or is absent where the value is empty,
// among all keys that it requires beside it.
func (k *Keyword) Sample(value string) string {
	path := strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".")
	if path == "gateway.uplinks" && value == "" { // some uplink has to be there
		return nested(path, "{isp1: {interface: wan0}}", nil)
	}
	fields := k.ofCheck(value)
	for _, f := range SectionOf(path).Keys {
		switch {
		case f == k && value != "":
			fields = append(fields, f.Name()+": "+value)
		case f != k && f.Required && (f.Unless != k.Name() || value == "") && f.Path != checkType && k.Path+f.Name() != "zones[].mapfrom":
			fields = append(fields, f.Name()+": "+f.Example)
		}
	}
	fields = append(fields, k.ofLimits(value)...)
	fields = append(fields, companions[k.Path]...)
	switch {
	case value == "":
		fields = append(fields, substitutes[k.Path]...)
	case k.Path == "services[].mode" && value == string(policy.FullNAT):
		fields = append(fields, sampleLaddrs)
	}
	others, own := sections[k.Path]
	if !own {
		others = sections[path]
	}
	return nested(path, "{"+strings.Join(fields, ", ")+"}", others)
}

// nested returns a policy with the mapping of a section: in the section above it, beside what that one
// needs, and so on to the top, where other sections stand before it.
func nested(path, mapping string, others []string) string {
	if path == "laddrs.NAME.addresses[]" {
		path = "laddrs.NAME[]" // a list is short for the mapping
	}
	for path != "" {
		i := strings.LastIndexByte(path, '.')
		above, name := path[:max(i, 0)], path[i+1:]
		if item, ok := strings.CutSuffix(name, "[]"); ok {
			name, mapping = item, "["+mapping+"]"
		}
		var fields []string
		switch {
		case above == "":
			fields = append([]string{"version: 1"}, others...)
		case path == "services[].vip":
			fields = []string{"name: web", "ports: tcp/80"}
		default:
			fields = slices.Clone(surroundings[above])
		}
		mapping = "{" + strings.Join(append(fields, name+": "+mapping), ", ") + "}"
		path = above
	}
	return mapping
}

const (
	sampleLaddrs  = "laddrs: 192.168.1.250"
	sampleUplinks = "gateway: {uplinks: {isp1: {interface: wan0}, isp2: {interface: wan1}}}"
	sampleNodes   = "nodes: {gw1: {}, gw2: {}, gw3: {}}"
)

// companions are what must be beside a key, whether it has a value or not.
var companions = map[string][]string{
	"fleet":                     {"nodes: {gw1: {}}"},
	"nodes.NAME":                {"gw1: {}"},
	"laddrs.NAME.ports":         {"addresses: 198.51.100.64/28"},
	"laddrs.NAME.random":        {"addresses: 198.51.100.64/28"},
	"laddrs.NAME.block":         {"addresses: 198.51.100.64/28"},
	"laddrs.NAME.need":          {"addresses: 198.51.100.64/28"},
	"zones[].map":               {"from: 10.9.8.0/24"},
	"zones[].helpers":           {"action: masquerade"},
	"zones[].limits":            {"action: masquerade"},
	"zones[].uplink":            {"action: masquerade"},
	"services[].laddrs":         {"mode: fullnat"},
	"services[].client_address": {"mode: fullnat", sampleLaddrs},
}

// substitutes are what must be in the place of a key that is absent.
var substitutes = map[string][]string{
	"laddrs.NAME.nodes.NAME": {"NAME: none"},
	"laddrs.NAME.addresses":  {"nodes: {gw1: 198.51.100.64, gw2: none, gw3: none}"},
	"laddrs.NAME.nodes":      {"addresses: 198.51.100.64"},
	"services[].laddrs":      {sampleLaddrs},
}

// surroundings are what a section needs beside a section in it.
var surroundings = map[string][]string{
	"gateway.uplinks.NAME": {"interface: wan0"},
	"zones[]":              {"name: office", "from: 10.1.0.0/16", "action: accept"},
	"services[]":           {"name: web", "vip: 203.0.113.1", "ports: tcp/80"},
	"tests[]":              {"from: 10.0.0.1", "to: 8.8.8.8", "proto: udp"},
}

// sections are those that must be in the policy, too: for a key, or else for all keys of a section.
var sections = map[string][]string{
	"services[]":             {"health_checks: {web: {type: tcp}}"},
	"fleet.mode":             {"nodes: {gw1: {}}"},
	"laddrs.NAME.addresses":  {sampleNodes},
	"laddrs.NAME.nodes":      {sampleNodes},
	"laddrs.NAME.nodes.NAME": {"nodes: {NAME: {}}"},
	"zones[].uplink":         {sampleUplinks},
	"tests[].expect.uplink":  {sampleUplinks},
	"tests[]":                sampleTested,
	"tests[].expect":         sampleTested,
}

// sampleTested is what tests may expect.
var sampleTested = []string{"zones: [{name: office, from: 10.1.0.0/16, action: accept}]", "services: [{name: web, vip: 203.0.113.1, ports: tcp/80}]"}

// ofLimits returns what must be beside a key of limits: something that is limited, or what it is about.
func (k *Keyword) ofLimits(value string) []string {
	path, name, _ := strings.Cut(k.Path, "limits.")
	switch {
	case name == "" || path != "services[]." && path != "zones[].":
		return nil
	case name == "burst":
		return []string{"new_per_client: 5/second"}
	case name == "connections" && value != "":
		return nil
	case name == "connections":
		return []string{"connections_per_client: 5"}
	}
	return []string{"connections: 5"}
}

const checkType = "health_checks.NAME.type"

// ofCheck returns what must be beside a key of a health check: a type that uses it, and what that
// type needs.
func (k *Keyword) ofCheck(value string) (fields []string) {
	if !strings.HasPrefix(k.Path, "health_checks.NAME.") {
		return nil
	}
	t := policy.CheckType(value)
	if k.Path != checkType {
		t = k.user()
		fields = append(fields, "type: "+string(t))
	}
	for _, key := range t.Needs() {
		if key != k.Name() || value == "" {
			fields = append(fields, key+": "+map[string]string{"query": "example.org", "command": "/bin/true"}[key])
		}
	}
	return fields
}

// user returns the type of health checks that a key is for; of several the first.
func (k *Keyword) user() policy.CheckType {
	types := policy.CheckTypes()
	return types[slices.IndexFunc(types, func(t policy.CheckType) bool { return t.Uses(k.Name()) })]
}
