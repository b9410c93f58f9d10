package layout

import (
	"slices"
	"strconv"
	"strings"
)

// form is how the names of a kind are written: a word, the family, what tells the variant,
// and the object whose own it is.
type form struct {
	word   string
	family bool
	words  []word
	object objectForm
	leads  bool // the object comes before the words
}

// word is a part of a variant that a name may say, or not.
type word struct {
	write func(*Variant) string       // "": not said
	read  func(*Variant, string) bool // false: this text says something else
	rest  bool                        // it takes all that is left
}

// objectForm is how a name ends in an object.
type objectForm uint8

const (
	objectNone     objectForm = iota
	objectZone                // mail
	objectService             // web
	objectMaybe               // a zone, or nothing
	objectLongZone            // zone/mail, since a zone may be called like a variant, or nothing
	objectTable               // table/web, or nothing
	objectPool                // guests, zone/mail or service/web: of a pool written in line
)

// prefix returns what comes before an object's name.
func (f objectForm) prefix(of Of) string {
	switch {
	case f == objectLongZone, f == objectPool && of == OfZone:
		return "zone"
	case f == objectPool && of == OfService:
		return "service"
	case f == objectTable:
		return "table"
	}
	return ""
}

// takeObject reads the object of a name, and returns the words that are left.
func (f *form) takeObject(words []string) (Object, []string, bool) {
	n := len(words)
	last := func(of Of, k int) (Object, []string, bool) {
		return Object{of, words[n-1]}, words[:n-k], words[n-1] != ""
	}
	before := ""
	if n > 1 {
		before = words[n-2]
	}
	switch {
	case f.object == objectNone, n == 0 && f.object == objectMaybe:
		return Object{}, words, true
	case f.object == objectLongZone && before == "zone":
		return last(OfZone, 2)
	case f.object == objectTable && before == "table":
		return last(OfService, 2)
	case f.object == objectLongZone, f.object == objectTable:
		return Object{}, words, true
	case n == 0:
		return Object{}, nil, false
	case f.leads:
		return Object{OfZone, words[0]}, words[1:], words[0] != ""
	case f.object == objectPool && before == "zone":
		return last(OfZone, 2)
	case f.object == objectPool && before == "service":
		return last(OfService, 2)
	case f.object == objectPool:
		return last(OfPool, 1)
	case f.object == objectService:
		return last(OfService, 1)
	}
	return last(OfZone, 1)
}

// flag is a word that is there or not.
func flag(text string, at func(*Variant) *bool) word {
	return word{
		write: func(v *Variant) string {
			if *at(v) {
				return text
			}
			return ""
		},
		read: func(v *Variant, t string) bool {
			if t == text {
				*at(v) = true
			}
			return t == text
		},
	}
}

// worded is a word with a text of its own between a fixed beginning and end.
func worded(prefix string, at func(*Variant) *string) word {
	return word{
		write: func(v *Variant) string {
			if *at(v) == "" {
				return ""
			}
			return prefix + *at(v)
		},
		read: func(v *Variant, t string) bool {
			text, ok := strings.CutPrefix(t, prefix)
			if ok {
				*at(v) = text
			}
			return ok
		},
	}
}

// number is a word that is a number with a unit.
func number(unit string, at func(*Variant) *int) word {
	return word{
		write: func(v *Variant) string { return strconv.Itoa(*at(v)) + unit },
		read: func(v *Variant, t string) bool {
			digits, ok := strings.CutSuffix(t, unit)
			n, err := strconv.Atoi(digits)
			*at(v) = n
			return ok && err == nil
		},
	}
}

var (
	wordPorts = word{
		write: func(v *Variant) string { return portWords[v.Ports] },
		read: func(v *Variant, t string) bool {
			i := slices.Index(portWords[1:], t)
			v.Ports = PortKind(i + 1)
			return i >= 0
		},
	}
	wordPart = word{
		write: func(v *Variant) string { return v.Part },
		read: func(v *Variant, t string) bool {
			if _, err := strconv.ParseUint(t, 10, 16); err != nil {
				return false
			}
			v.Part = t
			return true
		},
	}
	wordSelect = word{
		write: func(v *Variant) string {
			if v.Select == spreadSelect {
				return spreadWord
			}
			return v.Select
		},
		read: func(v *Variant, t string) bool {
			switch t {
			case spreadWord:
				v.Select = spreadSelect
			case "flow", "round-robin", "random":
				v.Select = t
			default:
				return false
			}
			return true
		},
	}
	wordHelper    = word{write: func(v *Variant) string { return v.Helper }, read: func(v *Variant, t string) bool { v.Helper = t; return slices.Contains(helperNames, t) }}
	wordThen      = word{write: func(v *Variant) string { return v.Then }, read: func(v *Variant, t string) bool { v.Then = t; return true }, rest: true}
	wordKeep      = flag("keep", func(v *Variant) *bool { return &v.Keep })
	wordUncounted = flag("uncounted", func(v *Variant) *bool { return &v.Uncounted })
	wordPrefix    = flag("prefix", func(v *Variant) *bool { return &v.Prefix })
	wordMapped    = flag("mapped", func(v *Variant) *bool { return &v.Mapped })
	wordBound     = flag("ports", func(v *Variant) *bool { return &v.Bound })
	wordSpread    = flag(spreadWord, func(v *Variant) *bool { return &v.Spread })
	wordRandom    = flag("random", func(v *Variant) *bool { return &v.Random })
	wordDoes      = flag("does", func(v *Variant) *bool { return &v.Does })
	wordServers   = worded("port-", func(v *Variant) *string { return &v.Servers })
	wordZones     = flag("zones", func(v *Variant) *bool { return &v.Zones })
	wordRejects   = flag("rejects", func(v *Variant) *bool { return &v.Rejects })
	wordOver      = worded("", func(v *Variant) *string { return &v.Over })
	wordLimits    = worded("by-", func(v *Variant) *string { return &v.Limits })
	wordSeconds   = number("s", func(v *Variant) *int { return &v.Seconds })
	wordLength    = word{
		write: func(v *Variant) string {
			if v.Bits == 0 {
				return ""
			}
			return strconv.Itoa(v.Bits)
		},
		read: func(v *Variant, t string) bool {
			n, err := strconv.ParseUint(t, 10, 8)
			if err != nil || n == 0 || n > 128 {
				return false
			}
			v.Bits = int(n)
			return true
		},
	}
	wordMark    = number("", func(v *Variant) *int { return &v.Mark })
	wordBits    = number("", func(v *Variant) *int { return &v.Bits })
	wordVia     = worded("via-", func(v *Variant) *string { return &v.Via })
	translation = []word{wordBound, wordSpread, wordRandom}
	through     = []word{wordBound, wordSpread, wordRandom, wordVia}
)

// A pool that is selected by source and destination is called by a shorter word.
const (
	spreadSelect = "source-destination"
	spreadWord   = "spread"
)

func isScheduler(s string) bool {
	switch s {
	case "rr", "wrr", "random", "sh", "dh", "mh":
		return true
	}
	return false
}
