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
	if k.Path == "zones[].limits" {
		fields = append(fields, "action: masquerade")
	}
	switch k.Path {
	case "fleet":
		fields = append(fields, "nodes: {gw1: {}}")
	case "nodes.NAME":
		fields = append(fields, "gw1: {}")
	case "laddrs.NAME.ports", "laddrs.NAME.random", "laddrs.NAME.block", "laddrs.NAME.need":
		fields = append(fields, "addresses: 198.51.100.64/28")
	case "laddrs.NAME.nodes.NAME":
		if value == "" {
			fields = append(fields, "NAME: none")
		}
	case "laddrs.NAME.addresses", "laddrs.NAME.nodes":
		if value == "" {
			fields = append(fields, map[string]string{"addresses": "nodes: {gw1: 198.51.100.64, gw2: none, gw3: none}", "nodes": "addresses: 198.51.100.64"}[k.Name()])
		}
	case "zones[].map":
		fields = append(fields, "from: 10.9.8.0/24")
	case "zones[].helpers":
		fields = append(fields, "action: masquerade")
	case "services[].laddrs":
		fields = append(fields, "mode: fullnat")
		if value == "" {
			fields = append(fields, "laddrs: 192.168.1.250")
		}
	case "services[].client_address":
		fields = append(fields, "mode: fullnat", "laddrs: 192.168.1.250")
	case "services[].mode":
		if value == string(policy.FullNAT) {
			fields = append(fields, "laddrs: 192.168.1.250")
		}
	}
	if k.Path == "zones[].uplink" {
		fields = append(fields, "action: masquerade")
	}
	m := "{" + strings.Join(fields, ", ") + "}"
	const zones = "zones: [{name: office, from: 10.1.0.0/16, action: accept}]"
	const services = "services: [{name: web, vip: 203.0.113.1, ports: tcp/80"
	const uplinks = "gateway: {uplinks: {isp1: {interface: wan0}, isp2: {interface: wan1}}}"
	switch path {
	case "":
		return m
	case "zones[]":
		if k.Path == "zones[].uplink" {
			return "{version: 1, " + uplinks + ", zones: [" + m + "]}"
		}
	case "laddrs":
		return "{version: 1, laddrs: " + m + "}"
	case "health_checks":
		return "{version: 1, health_checks: " + m + "}"
	case "health_checks.NAME":
		return "{version: 1, health_checks: {NAME: " + m + "}}"
	case "services[]":
		return "{version: 1, health_checks: {web: {type: tcp}}, services: [" + m + "]}"
	case "nodes":
		return "{version: 1, nodes: " + m + "}"
	case "nodes.NAME":
		return "{version: 1, nodes: {NAME: " + m + "}}"
	case "fleet":
		return "{version: 1, nodes: {gw1: {}}, fleet: " + m + "}"
	case "laddrs.NAME.nodes":
		return "{version: 1, nodes: {NAME: {}}, laddrs: {office: {nodes: " + m + "}}}"
	case "laddrs.NAME":
		switch k.Name() {
		case "addresses", "nodes":
			return "{version: 1, nodes: {gw1: {}, gw2: {}, gw3: {}}, laddrs: {NAME: " + m + "}}"
		}
		return "{version: 1, laddrs: {NAME: " + m + "}}"
	case "laddrs.NAME.addresses[]":
		return "{version: 1, laddrs: {NAME: [" + m + "]}}"
	case "gateway.addresses":
		return "{version: 1, gateway: {addresses: " + m + "}}"
	case "gateway.uplinks":
		if value == "" { // some uplink has to be there
			return "{version: 1, gateway: {uplinks: {isp1: {interface: wan0}}}}"
		}
		return "{version: 1, gateway: {uplinks: " + m + "}}"
	case "gateway.uplinks.NAME":
		return "{version: 1, gateway: {uplinks: {NAME: " + m + "}}}"
	case "gateway.uplinks.NAME.check":
		return "{version: 1, gateway: {uplinks: {NAME: {interface: wan0, check: " + m + "}}}}"
	case "services[].vip":
		return "{version: 1, services: [{name: web, vip: " + m + ", ports: tcp/80}]}"
	case "services[].limits":
		return "{version: 1, " + services + ", limits: " + m + "}]}"
	case "zones[].limits":
		return "{version: 1, zones: [{name: office, from: 10.1.0.0/16, action: accept, limits: " + m + "}]}"
	case "services[].persistence":
		return "{version: 1, " + services + ", persistence: " + m + "}]}"
	case "services[].syn_proxy":
		return "{version: 1, " + services + ", syn_proxy: " + m + "}]}"
	case "services[].real_servers[]":
		return "{version: 1, " + services + ", real_servers: [" + m + "]}]}"
	case "tests[]":
		return "{version: 1, " + zones + ", " + services + "}], tests: [" + m + "]}"
	case "tests[].expect":
		if k.Path == "tests[].expect.uplink" {
			return "{version: 1, " + uplinks + ", tests: [{from: 10.0.0.1, to: 8.8.8.8, proto: udp, expect: " + m + "}]}"
		}
		return "{version: 1, " + zones + ", " + services + "}], tests: [{from: 10.0.0.1, to: 8.8.8.8, proto: udp, expect: " + m + "}]}"
	case "gateway.timeouts":
		return "{version: 1, gateway: {timeouts: " + m + "}}"
	case "zones[].timeouts":
		return "{version: 1, zones: [{name: office, from: 10.1.0.0/16, action: accept, timeouts: " + m + "}]}"
	case "services[].timeouts":
		return "{version: 1, " + services + ", timeouts: " + m + "}]}"
	case "gateway":
		return "{version: 1, gateway: " + m + "}"
	}
	return "{version: 1, " + strings.TrimSuffix(path, "[]") + ": [" + m + "]}"
}

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
