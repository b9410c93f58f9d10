// Package words is the policy language as a table: every key, what its values look like and
// what its absence means. The loader, docs/policy.md and the JSON Schema are made from it.
package words

import (
	"slices"
	"strings"
)

// Keyword is one key of the policy language.
type Keyword struct {
	Path     string   // "zones[].select": [] means each item of a list, NAME for a name of the operator's
	Kind     kind     // of the value, or of each item of it
	List     bool     // a list; one item alone may be written, unless it is a mapping
	Empty    bool     // a list that may have no items
	Or       kind     // another form that the value as a whole may have; empty: none
	Words    []string // of a value that is one of a few words; in lists: words that may be the whole value
	Min, Max int      // of a number
	Required bool
	Unless   string // of a required key: another one that may stand in its place
	Default  string // what an absent key means, as it would be written; empty: see Absent
	Absent   string // the same in words, where it is no value
	Meaning  string
	Example  string   // a value
	Errors   []string // codes; the first is that of a word that is not among Words
}

// kind is a form of values, as the reference names it.
type kind string

const (
	aMapping           kind = "mapping"
	aWord              kind = "word"
	aNumber            kind = "number"
	aBoolean           kind = "true or false"
	aText              kind = "text"
	aName              kind = "name"
	aPoolName          kind = "name of a pool"
	aCheckName         kind = "name of a health check"
	aTableName         kind = "name of an nftables table"
	anInterface        kind = "interface name"
	anInterfacePattern kind = "interface name, `ppp*` for all that begin with ppp"
	aDuration          kind = "duration like `300s` or `5m`"
	aProtocol          kind = "`tcp`, `udp`, `sctp`, `icmp` or `icmpv6`"
	anAddress          kind = "address"
	aRange             kind = "address, range or prefix"
	aPrefix            kind = "prefix"
	aLaddr             kind = "address, range or prefix, or a mapping with a weight"
	anEndpoint         kind = "address, with or without a port"
	aVIP               kind = "address, or a mapping with an interface"
	aRealServer        kind = "address, with or without a port, or a mapping"
	aTarget            kind = "address, range or prefix, with or without ports"
	aPort              kind = "port"
	aPortRange         kind = "port or range of ports"
	aServicePort       kind = "`tcp/80`, `tcp/8000-8099` or `tcp/*`"
	aQuorum            kind = "number, or a percentage like `50%`"
	aRate              kind = "rate like `50/second`"
	aPercent           kind = "percentage like `30%`"
	aStatus            kind = "status code like `200`, or a range like `200-399`"
	anUplink           kind = "name of an uplink"
	aTableRange        kind = "range of numbers like `20000-20099`"
	aMark              kind = "mark, a number from 1 to 16777215"
	aPhrase            kind = "text that is not empty"
	aHostName          kind = "name of a host"
	aPage              kind = "path of a page, from its `/`"
	aFile              kind = "whole path of a file"
	anMSS              kind = "`clamp`, or a number from 536 to 65495"
	aHelper            kind = "`ftp`, `tftp`, `sip`, `pptp` or `h323`, or with other ports, `ftp/2121`"
	aZonePort          kind = "`tcp/25`, `tcp/8000-8099`, `tcp/*` or `icmp`"
)

// Language returns every key of the policy language, in the order in which the reference
// shows them. The keys are shared: nobody changes them.
func Language() []Keyword { return language }

// Placed tells whether the items of the key's list know their places themselves.
func (k *Keyword) Placed() bool { return k.Kind == aLaddr || k.Kind == aRealServer || k.Kind == aVIP }

// Name returns the key as it is written.
func (k *Keyword) Name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// Section is the keys of one mapping of the language.
type Section struct {
	Keys     []*Keyword
	Names    []string // of the keys
	Required []string // without those that another key may replace
}

// SectionOf returns the keys directly below a path, in the order of the table.
func SectionOf(path string) *Section {
	s := new(Section)
	for i := range language {
		k := &language[i]
		if strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".") != path {
			continue
		}
		s.Keys = append(s.Keys, k)
		s.Names = append(s.Names, k.Name())
		if k.Required && k.Unless == "" {
			s.Required = append(s.Required, k.Name())
		}
	}
	if len(s.Keys) == 0 {
		panic("the policy language has no keys below " + path)
	}
	return s
}

// Keys returns the keys of the mapping at a path, in the order of the language. Paths are those
// of the reference: "" is the file, "zones[]" a zone, "laddrs.NAME" any pool. It returns nil
// where the language has no mapping, or one whose keys the operator chooses.
func Keys(path string) []string {
	if path == "laddrs.NAME[]" || strings.HasSuffix(path, "].laddrs[]") {
		return Laddr.Names // pools without `addresses`
	}
	for _, s := range []struct {
		path string
		*Section
	}{{"", Root}, {"gateway", Gateway}, {"gateway.addresses", Addresses}, {"gateway.uplinks.NAME", Uplink}, {"gateway.uplinks.NAME.check", UplinkCheck}, {"gateway.timeouts", GatewayTimeouts}, {"zones[].timeouts", ZoneTimeouts}, {"services[].timeouts", ServiceTimeouts},
		{"nodes.NAME", Node}, {"fleet", Fleet}, {"announce", Announce}, {"laddrs.NAME", Pool}, {"laddrs.NAME.addresses[]", Laddr},
		{"zones[]", Zone}, {"health_checks.NAME", HealthCheck}, {"services[]", Service}, {"services[].health_check", HealthCheck},
		{"services[].vip", InterfaceVIP}, {"services[].vip[]", InterfaceVIP}, {"services[].persistence", Persistence}, {"services[].syn_proxy", SynProxy}, {"services[].limits", Limits}, {"zones[].limits", ZoneLimits},
		{"services[].real_servers[]", RealServer}, {"services[].sorry_servers[]", RealServer}, {"tests[]", Test}, {"tests[].expect", Expect}} {
		if s.path == path {
			return s.Names
		}
	}
	return nil
}

// Lacks returns the required keys that are missing where some are written.
func (s *Section) Lacks(written func(key string) bool) (missing []string) {
	for _, k := range s.Keys {
		if k.Required && !written(k.Name()) && !(k.Unless != "" && written(k.Unless)) {
			missing = append(missing, k.Name())
		}
	}
	return missing
}

// Find returns a key by its name, nil if there is none.
func (s *Section) Find(name string) *Keyword {
	if i := slices.Index(s.Names, name); i >= 0 {
		return s.Keys[i]
	}
	return nil
}

// The sections.
var (
	Root            = SectionOf("")
	Gateway         = SectionOf("gateway")
	Node            = SectionOf("nodes.NAME")
	Fleet           = SectionOf("fleet")
	Announce        = SectionOf("announce")
	Pool            = SectionOf("laddrs.NAME")
	Laddr           = SectionOf("laddrs.NAME.addresses[]")
	Zone            = SectionOf("zones[]")
	HealthCheck     = SectionOf("health_checks.NAME")
	Service         = SectionOf("services[]")
	InterfaceVIP    = SectionOf("services[].vip")
	Persistence     = SectionOf("services[].persistence")
	SynProxy        = SectionOf("services[].syn_proxy")
	Addresses       = SectionOf("gateway.addresses")
	GatewayTimeouts = SectionOf("gateway.timeouts")
	ZoneTimeouts    = SectionOf("zones[].timeouts")
	ServiceTimeouts = SectionOf("services[].timeouts")
	RealServer      = SectionOf("services[].real_servers[]")
	Test            = SectionOf("tests[]")
	Expect          = SectionOf("tests[].expect")
	Uplink          = SectionOf("gateway.uplinks.NAME")
	UplinkCheck     = SectionOf("gateway.uplinks.NAME.check")
	Limits          = SectionOf("services[].limits")
	ZoneLimits      = SectionOf("zones[].limits")
)

// Extension is how keys of a file begin that are accepted and ignored, as in compose files: a
// place for YAML anchors.
const Extension = "x-"
