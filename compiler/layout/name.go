package layout

import (
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Name is the name of a set, map or chain, taken apart. Names are equal if their texts are,
// within sets and maps, and within chains.
type Name struct {
	Kind    Kind
	Family  inet.Family // 0: it serves both
	Variant Variant
	Object  Object // whose own it is
}

// Object is the policy object that a set or chain belongs to alone. The zero value is none.
type Object struct {
	Of   Of
	Name string
}

// Of is a kind of policy object.
type Of uint8

// The kinds of objects that have sets and chains of their own.
const (
	OfNone Of = iota
	OfZone
	OfService
	OfPool
)

// Variant tells sets, or chains, of one kind apart. Each kind has its own few of these; the
// zero value is the plain one, of which the name says nothing.
type Variant struct {
	Ports     PortKind // which ports keys hold
	Keep      bool     // "keep": no port is translated, the client's stays
	Part      string   // "7": the part of the slots that are spread over several maps
	Uncounted bool     // "uncounted": slots that don't count
	Prefix    bool     // "prefix": keys hold ranges of callers

	Mapped bool   // "mapped": of 1:1 maps
	Bound  bool   // "ports": source ports are bound too
	Spread bool   // "spread": the destination has a say in the choice
	Random bool   // "random": random source ports
	Via    string // "isp1": of connections that leave by that uplink alone
	Select string // how a pool's chain chooses, as the policy calls it; "": by source

	Scheduler string // "rr", "wrr", "random", "sh", "dh" or "mh"
	Slots     int    // how many a scheduler chooses from
	Lane      string // "145", or Shared; "" where it takes no turns

	Servers string // "80", "443-80-own": ports of persistent services' real servers, where maps hold none
	Seconds int    // how long a client is remembered
	Bits    int    // the length of the prefix by which clients count as one, or sources are looked up; 0: these are ranges

	Helper  string // "sip-tcp": which of the kernel's helpers (policy.Control.Name)
	Zones   bool   // "zones": of zones; else of services
	Rejects bool   // "rejects": of zones whose limits reject
	Over    string // OverRate, OverClient or OverConnections
	Limits  string // "by-10-second-5.all-100": values of limits
	Offer   Offer  // "1460-7-timestamp-sack": what a SYN proxy offers

	Mark int    // whose flows get it
	Does bool   // "does": what a zone does, behind its conditions
	Then string // the zones that are tried after the first, by slashes; or how many: "2-more-5cf0"
}

// What a limit bounds, in names.
const (
	OverRate        = "rate"
	OverClient      = "client"
	OverConnections = "connections"
)

// Shared is the lane of services that take turns at random, because there is none left.
const Shared = "shared"

// PortKind says which ports the keys of a map hold. One service stays in one kind, so that one
// round-robin counter serves all of its ports.
type PortKind uint8

// The kinds of ports.
const (
	ExactPorts PortKind = iota // single ones
	PortRanges                 // ranges, or a mixture
	AllPorts                   // none: every port of the protocol
	ByMark                     // a mark, in place of VIP, protocol and port
)

// PortKinds are all of them, in order of precedence.
var PortKinds = [...]PortKind{ByMark, ExactPorts, PortRanges, AllPorts}

var portWords = [...]string{"", "range", "any", "mark"}

// Name returns the name of a kind that there is one of.
func (k Kind) Name() Name { return Name{Kind: k} }

// Of returns the name of a kind's plain variant for a family.
func (k Kind) Of(f inet.Family) Name { return Name{Kind: k, Family: f} }

// For returns the name of the variant whose keys hold these ports.
func (k Kind) For(f inet.Family, ports PortKind) Name {
	return Name{Kind: k, Family: f, Variant: Variant{Ports: ports}}
}

// Own returns the name of a zone's own set, map or chain.
func (k Kind) Own(f inet.Family, zone string) Name {
	return Name{Kind: k, Family: f, Object: Object{OfZone, zone}}
}

// String returns the name as the kernel and nft know it.
func (n Name) String() string {
	b := make([]byte, 0, 32)
	f := &forms[n.Kind]
	b = append(b, f.word...)
	if n.Kind == ChainSchedule {
		b = append(b, n.Variant.Scheduler...)
	}
	if n.Family != 0 {
		b = append(b, '0'+byte(n.Family))
	}
	if n.Kind == ChainSchedule {
		b = strconv.AppendInt(append(b, '-'), int64(n.Variant.Slots), 10)
		if n.Variant.Lane != "" {
			b = append(append(b, '-'), n.Variant.Lane...)
		}
	}
	if f.leads {
		b = append(append(b, '/'), n.Object.Name...)
	}
	for i := range f.words {
		if text := f.words[i].write(&n.Variant); text != "" {
			b = append(append(b, '/'), text...)
		}
	}
	if !f.leads && n.Object.Of != OfNone {
		if of := f.object.prefix(n.Object.Of); of != "" {
			b = append(append(b, '/'), of...)
		}
		b = append(append(b, '/'), n.Object.Name...)
	}
	return string(b)
}

// ParseSet takes the name of a set or map apart; false for one that snatctl never makes.
func ParseSet(text string) (Name, bool) { return parse(text, setWords) }

// ParseChain takes the name of a chain apart; false for one that snatctl never makes.
func ParseChain(text string) (Name, bool) {
	if n, ok := parseSchedule(text); ok {
		return n, true
	}
	return parse(text, chainWords)
}

func parse(text string, kinds map[string]Kind) (Name, bool) {
	head, rest, more := strings.Cut(text, "/")
	n := Name{Kind: kinds[head]}
	if f := familyAt(head); n.Kind == 0 && f != 0 {
		n = Name{Kind: kinds[head[:len(head)-1]], Family: f}
	}
	form := &forms[n.Kind]
	if n.Kind == 0 || form.family != (n.Family != 0) {
		return Name{}, false
	}
	var words []string
	if more {
		words = strings.Split(rest, "/")
	}
	return n.finish(text, words)
}

// parseSchedule takes the name of a scheduler's chain apart: rr4-2-145/range.
func parseSchedule(text string) (Name, bool) {
	head, rest, more := strings.Cut(text, "/")
	scheduler, counts, ok := strings.Cut(head, "-")
	f := familyAt(scheduler)
	if !ok || f == 0 || !isScheduler(scheduler[:len(scheduler)-1]) {
		return Name{}, false
	}
	n := Name{Kind: ChainSchedule, Family: f, Variant: Variant{Scheduler: scheduler[:len(scheduler)-1]}}
	slots, lane, _ := strings.Cut(counts, "-")
	n.Variant.Slots, _ = strconv.Atoi(slots)
	n.Variant.Lane = lane
	var words []string
	if more {
		words = strings.Split(rest, "/")
	}
	return n.finish(text, words)
}

// finish reads the words behind a name's head.
func (n Name) finish(text string, words []string) (Name, bool) {
	form := &forms[n.Kind]
	var ok bool
	if n.Object, words, ok = form.takeObject(words); !ok {
		return Name{}, false
	}
	for i := range form.words {
		if len(words) == 0 {
			break
		}
		if w := &form.words[i]; w.rest {
			w.read(&n.Variant, strings.Join(words, "/"))
			words = nil
		} else if w.read(&n.Variant, words[0]) {
			words = words[1:]
		}
	}
	if len(words) > 0 || n.String() != text {
		return Name{}, false
	}
	return n, true
}

// KindOfSet returns what a set or map of that name is for; zero: nothing of ours.
func KindOfSet(text string) Kind {
	n, _ := ParseSet(text)
	return n.Kind
}

// KindOfChain returns what a chain of that name is for; zero: nothing of ours.
func KindOfChain(text string) Kind {
	n, _ := ParseChain(text)
	return n.Kind
}

// VariantOf returns what follows the family in a name: "ports/random".
func VariantOf(text string) string {
	_, v, _ := strings.Cut(text, "/")
	return v
}

func familyAt(head string) inet.Family {
	switch {
	case strings.HasSuffix(head, "4"):
		return inet.V4
	case strings.HasSuffix(head, "6"):
		return inet.V6
	}
	return 0
}

// Tried returns the zones that a chain with conditions tries, in order; or, where their names
// would be too long, nil and how many they are.
func (n Name) Tried() (zones []string, count int) {
	if n.Kind != ChainWhen && n.Kind != ChainRefuseWhen {
		return []string{n.Object.Name}, 1
	}
	if number, _, ok := strings.Cut(n.Variant.Then, "-more-"); ok && !strings.Contains(n.Variant.Then, "/") {
		more, _ := strconv.Atoi(number)
		return nil, more + 1
	}
	zones = append([]string{n.Object.Name}, strings.Split(n.Variant.Then, "/")...)
	return zones, len(zones)
}
