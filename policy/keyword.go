package policy

import (
	"slices"
	"strconv"
	"strings"
)

// keyword is one key of the policy language. What the loader knows about keys stands in
// the table `language` alone, and docs/policy.md is made of it.
type keyword struct {
	Path     string   // "zones[].select": [] stands for each item of a list, NAME for a name of the operator's
	Kind     kind     // of the value, or of each item of it
	List     bool     // a list; one item alone may stand for it, unless it is a mapping
	Empty    bool     // a list that may have no items
	Or       kind     // another form that the value as a whole may have; empty: none
	Words    []string // of a value that is one of a few words; in lists: words that may stand alone
	Min, Max int      // of a number
	Required bool
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
	aRealServer        kind = "address, with or without a port, or a mapping"
	aTarget            kind = "address, range or prefix, with or without ports"
	aPort              kind = "port"
	aPortRange         kind = "port or range of ports"
	aServicePort       kind = "`tcp/80`, `tcp/8000-8099` or `tcp/*`"
	aZonePort          kind = "`tcp/25`, `tcp/8000-8099`, `tcp/*` or `icmp`"
)

// Name returns the key as it is written.
func (k *keyword) Name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// section is the keys of one mapping of the language.
type section struct {
	words    []*keyword
	names    []string
	required []string
}

// sectionOf returns the keys directly below a path, in the order of the table.
func sectionOf(path string) *section {
	s := new(section)
	for i := range language {
		k := &language[i]
		if strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".") != path {
			continue
		}
		s.words = append(s.words, k)
		s.names = append(s.names, k.Name())
		if k.Required {
			s.required = append(s.required, k.Name())
		}
	}
	if len(s.words) == 0 {
		panic("the policy language has no keys below " + path)
	}
	return s
}

// Keys returns the keys of the mapping at a path, in the order of the language. Paths are those
// of the reference: "" is the file, "zones[]" a zone, "laddrs.NAME" any pool. It returns nil
// where the language has no mapping, or one whose keys the operator chooses.
func Keys(path string) []string {
	if path == "laddrs.NAME[]" || strings.HasSuffix(path, "].laddrs[]") {
		return laddrKeys.names // pools without `addresses`
	}
	for _, s := range []struct {
		path string
		*section
	}{{"", rootKeys}, {"gateway", gatewayKeys}, {"laddrs.NAME", poolKeys}, {"laddrs.NAME.addresses[]", laddrKeys},
		{"zones[]", zoneKeys}, {"services[]", serviceKeys}, {"services[].persistence", persistenceKeys},
		{"services[].real_servers[]", realServerKeys}, {"tests[]", testKeys}, {"tests[].expect", expectKeys}} {
		if s.path == path {
			return s.names
		}
	}
	return nil
}

// find returns a key by its name, nil if there is none.
func (s *section) find(name string) *keyword {
	if i := slices.Index(s.names, name); i >= 0 {
		return s.words[i]
	}
	return nil
}

// byDefault returns what the absence of a key means, as it would be written.
func (s *section) byDefault(name string) string { return s.find(name).Default }

// The sections.
var (
	rootKeys        = sectionOf("")
	gatewayKeys     = sectionOf("gateway")
	poolKeys        = sectionOf("laddrs.NAME")
	laddrKeys       = sectionOf("laddrs.NAME.addresses[]")
	zoneKeys        = sectionOf("zones[]")
	serviceKeys     = sectionOf("services[]")
	persistenceKeys = sectionOf("services[].persistence")
	realServerKeys  = sectionOf("services[].real_servers[]")
	testKeys        = sectionOf("tests[]")
	expectKeys      = sectionOf("tests[].expect")
)

// What absent keys mean, where objects come in great numbers.
var (
	defaultLaddrWeight = laddrKeys.defaultNumber("weight")
	defaultWeight      = realServerKeys.defaultNumber("weight")
	defaultZoneSelect  = Select(zoneKeys.byDefault("select"))
	defaultPersistence = Persistence{Mask4: persistenceKeys.defaultNumber("mask4"), Mask6: persistenceKeys.defaultNumber("mask6")}
	defaultService     = Service{Mode: Mode(serviceKeys.byDefault("mode")), Scheduler: Scheduler(serviceKeys.byDefault("scheduler")),
		Select: Select(serviceKeys.byDefault("select")), OnEmpty: OnEmpty(serviceKeys.byDefault("on_empty"))}
)

// defaultNumber is byDefault for numbers.
func (s *section) defaultNumber(name string) int {
	n, err := strconv.Atoi(s.byDefault(name))
	if err != nil {
		panic(err)
	}
	return n
}
