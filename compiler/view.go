package compiler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// view is a table read back as policy objects: what a policy says, as far as the table
// holds it. Live and wanted tables are read by the same code, so that equal ones look equal.
type view struct {
	zones    map[string]*zoneView
	services map[string]*serviceView
	pools    map[string]*poolView
}

type poolView struct {
	ranges  []inet.Range // that new connections may get
	drained []inet.Range // that only flows have
}

// touched is the names of the objects that a difference is about.
type touched struct {
	zones, services, pools map[string]bool
	strays                 []string        // elements that belong to none
	unmatched              bool            // so do sources that no zone matches
	slots                  map[string]bool // services whose slots change
}

// isKind tells whether a name is that of a map of a kind, in some family and variant.
func isKind(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && (strings.HasPrefix(rest, "4") || strings.HasPrefix(rest, "6"))
}

func isSlots(name string) bool { return isKind(name, mapTurns) || isKind(name, mapSlots) }

// variantOf returns what stands behind the family in a map's name: "ports/random".
func variantOf(name string) string {
	_, v, _ := strings.Cut(name, "/")
	return v
}

// poolNameOf returns the pool that a map or chain of a pool belongs to: its name, or "" for
// one written in line.
func poolNameOf(name string) (pool string, ok bool) {
	if !isKind(name, chainPool) {
		return "", false
	}
	parts := strings.Split(name, "/")[1:]
	if _, ok := selectOf(parts); ok {
		parts = parts[1:]
	}
	if len(parts) != 1 {
		return "", true
	}
	return parts[0], true
}

// selectOf returns the selection that a pool's chain is named after, of its name's parts
// behind the family.
func selectOf(parts []string) (policy.Select, bool) {
	for sel, name := range selectNames {
		if len(parts) > 1 && parts[0] == name {
			return sel, true
		}
	}
	return policy.SelectSource, false
}

// look reads the touched objects out of a table.
func look(r *nft.Ruleset, t touched) view {
	v := view{make(map[string]*zoneView), make(map[string]*serviceView), make(map[string]*poolView)}
	if r == nil {
		return v
	}
	for _, s := range r.Sets {
		switch {
		case isKind(s.Name, mapServices):
			v.readServices(s, t)
		case isKind(s.Name, mapScheduled):
			v.readScheduled(s, t)
		case isKind(s.Name, mapPermitted):
			v.readPermitted(s, t)
		case isKind(s.Name, mapRemember):
			v.readRemember(s, t)
		case isKind(s.Name, mapLaddrs), isKind(s.Name, mapLaddrsIn):
			v.readLaddrs(r, s, t)
		case isBySource(s.Name):
			v.readZones(r, s, t)
		case isKind(s.Name, mapExcludes):
			v.readExcludes(r, s, t)
		}
	}
	v.readServers(r, t)
	v.readConditional(r, t)
	for _, z := range v.zones {
		z.does = withoutShadows(z.does)
	}
	for _, s := range r.Sets {
		if pool, ok := poolNameOf(s.Name); ok && v.pools[pool] != nil {
			v.pools[pool].ranges = inet.Merge(append(v.pools[pool].ranges, poolRanges(s)...))
		}
	}
	for name, z := range v.zones {
		z.drained = setRanges(r.Set, setDrained, "zone/"+name)
	}
	for name, sv := range v.services {
		sv.drained = setRanges(r.Set, setDrained, "service/"+name)
	}
	for name, p := range v.pools {
		p.drained = setRanges(r.Set, setDrained, name)
	}
	return v
}

func familyOfMap(s *nft.Set) inet.Family {
	if len(s.Key) > 0 && s.Key[0] == nft.IPv6 {
		return inet.V6
	}
	return inet.V4
}

// rangesText prints ranges sorted, separated by commas, the tail of long lists counted.
func rangesText(rs []inet.Range) string {
	if len(rs) == 0 {
		return "none"
	}
	rs = slices.Clone(rs)
	slices.SortFunc(rs, inet.Range.Compare)
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = r.String()
	}
	return wordsText(words)
}

const mostWords = 6

func wordsText(words []string) string {
	if len(words) > mostWords {
		return strings.Join(words[:mostWords], ", ") + fmt.Sprintf(" and %d more", len(words)-mostWords)
	}
	return strings.Join(words, ", ")
}
