package words

import (
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// form is how values of a kind are written: a regular expression, or several, in what
// ECMA-262 and RE2 have in common.
type form struct {
	kind    kind
	name    string   // in $defs
	types   []string // of JSON: YAML takes some texts for numbers or truth values
	matches []string // one of these
	least   int      // of an integer, if there is a most
	most    int      // of an integer; 0: it is 1 to 65535
	not     *schema
}

// mappings are the long forms of values that are items of lists, by their names in $defs.
var mappings = map[kind]string{aLaddr: "weightedLaddr", aRealServer: "realServerMapping", aVIP: "interfaceVIP", aCheckName: "healthCheck"}

// ref returns the reference to the form of a kind.
func ref(k kind) string {
	for _, f := range forms() {
		if f.kind == k {
			return "#/$defs/" + f.name
		}
	}
	panic("the schema of the policy language knows no form of " + string(k))
}

// formSchemas describes all forms, and the mappings that may be written for some of them.
func formSchemas() (out properties) {
	for _, f := range forms() {
		s := &schema{Description: strings.ReplaceAll(string(f.kind), "`", ""), Not: f.not}
		s.Type = f.types
		if len(f.types) == 1 {
			s.Type = f.types[0]
		}
		if len(f.matches) > 0 {
			s.Pattern = "^(" + strings.Join(f.matches, "|") + ")$"
		}
		if f.types[len(f.types)-1] == "integer" {
			s.Minimum, s.Maximum = new(int), new(int)
			*s.Minimum, *s.Maximum = 1, 65535
			if f.most > 0 {
				*s.Minimum, *s.Maximum = f.least, f.most
			}
		}
		out = append(out, property{f.name, s})
	}
	return append(out,
		property{mappings[aLaddr], objectSchema("laddrs.NAME.addresses[]")},
		property{mappings[aVIP], objectSchema("services[].vip")},
		property{mappings[aRealServer], objectSchema("services[].real_servers[]")},
		property{mappings[aCheckName], objectSchema("health_checks.NAME")})
}

// forms returns the forms of all kinds that are text, or could be.
func forms() []form {
	const (
		octet   = `(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
		v4      = octet + `(\.` + octet + `){3}`
		v6      = `[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}(\.[0-9]{1,3}){0,3}` // more than RFC 4291 has, but readable
		port    = `(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})`
		ports   = port + `(-` + port + `)?|\*`
		name    = `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`
		bits4   = `/(3[0-2]|[12]?[0-9])`
		bits6   = `/(12[0-8]|1[01][0-9]|[1-9]?[0-9])`
		iface   = `[^*/:\s"]`
		percent = `(100|[1-9][0-9]?)%`
		status  = `[1-5][0-9]{2}`
		unit    = `([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)`
	)
	text := []string{"string"}
	named := []string{"string", "number"} // a name may look like a number
	addresses := []string{v4, v6}
	ranges := []string{v4 + "(" + bits4 + "|-" + v4 + ")?", v6 + "(" + bits6 + "|-" + v6 + ")?"}
	withPort := func(hosts []string, port string) []string {
		tail := `(:(` + port + `))?`
		return []string{hosts[0] + tail, hosts[1], `\[(` + strings.Join(hosts, "|") + `)\]` + tail}
	}
	dots := &schema{Enum: enum(".", "..")}
	return []form{
		{kind: aText, name: "text", types: []string{"string", "number", "boolean"}},
		{kind: aPhrase, name: "phrase", types: []string{"string", "number", "boolean"}, matches: []string{`[\s\S]+`}},
		{kind: aHostName, name: "hostName", types: []string{"string", "number", "boolean"}, matches: []string{`[^ \t\r\n/]{1,255}`}},
		{kind: aPage, name: "page", types: text, matches: []string{`/[^ \t\r\n]*`}},
		{kind: aFile, name: "file", types: text, matches: []string{`/[\s\S]*`}},
		{kind: aName, name: "name", types: named, matches: []string{name}},
		{kind: aPoolName, name: "poolName", types: named, matches: []string{name}},
		{kind: anUplink, name: "uplinkName", types: named, matches: []string{name}},
		{kind: aTableRange, name: "tableRange", types: text, matches: []string{`[1-9][0-9]*-[1-9][0-9]*`}},
		{kind: aCheckName, name: "healthCheckName", types: named, matches: []string{name}},
		{kind: aTableName, name: "tableName", types: text, matches: []string{`[A-Za-z_][A-Za-z0-9_.-]{0,31}`}, not: &schema{Enum: enum(nftKeywords...)}},
		{kind: anInterface, name: "interface", types: named, matches: []string{iface + `{1,15}`}, not: dots},
		{kind: anInterfacePattern, name: "interfacePattern", types: named, matches: []string{iface + `{1,15}`, iface + `{1,14}\*`}, not: dots},
		{kind: aDuration, name: "duration", types: text, matches: []string{`\+?(` + unit + `)+`}, not: &schema{Pattern: `^[^1-9]*$`}},
		{kind: aProtocol, name: "protocol", types: text, matches: []string{"tcp", "udp", "sctp", "icmp", "icmpv6"}},
		{kind: anAddress, name: "address", types: text, matches: addresses},
		{kind: aVIP, name: "vip", types: text, matches: addresses},
		{kind: aRange, name: "range", types: text, matches: ranges},
		{kind: aPrefix, name: "prefix", types: text, matches: []string{v4 + "(" + bits4 + ")?", v6 + "(" + bits6 + ")?"}},
		{kind: aLaddr, name: "laddr", types: text, matches: ranges},
		{kind: anEndpoint, name: "endpoint", types: text, matches: withPort(addresses, port)},
		{kind: aRealServer, name: "realServer", types: text, matches: withPort(addresses, port)},
		{kind: aTarget, name: "target", types: text, matches: withPort(ranges, ports)},
		{kind: aPort, name: "port", types: []string{"string", "integer"}, matches: []string{port}},
		{kind: aPortRange, name: "portRange", types: []string{"string", "integer"}, matches: []string{ports}},
		{kind: aQuorum, name: "quorum", types: []string{"string", "integer"}, matches: []string{percent}},
		{kind: aRate, name: "rate", types: text, matches: []string{`([1-9][0-9]{0,5}|1000000)/(second|minute|hour|day)`}},
		{kind: aPercent, name: "percent", types: text, matches: []string{percent}},
		{kind: aStatus, name: "status", types: []string{"string", "integer"}, matches: []string{status + `(-` + status + `)?`}, least: 100, most: 599},
		{kind: anMSS, name: "mss", types: []string{"string", "integer"}, matches: []string{"clamp"}, least: policy.LeastMSS, most: policy.MostMSS},
		{kind: aMark, name: "mark", types: []string{"integer"}, least: 1, most: policy.MaxMark},
		{kind: aServicePort, name: "servicePort", types: text, matches: []string{`(tcp|udp|sctp)/(` + ports + `)`}},
		{kind: aHelper, name: "helper", types: text, matches: []string{`(ftp|tftp|sip|pptp|h323)(/` + port + `(-` + port + `)?)?`}},
		{kind: aZonePort, name: "zonePort", types: text, matches: []string{`(tcp|udp|sctp)/(` + ports + `)`, "icmp", "icmpv6"}},
	}
}
