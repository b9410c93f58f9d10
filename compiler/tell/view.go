package tell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// view is a table read back as policy objects: what a policy says, as far as the table
// holds it. Live and wanted tables are read by the same code, so that equal ones look equal.
type view struct {
	zones    map[string]*zoneView
	services map[string]*serviceView
	pools    map[string]*poolView

	serviceNames []string // of services, as the table has them
}

type poolView struct {
	ranges  []inet.Range // that new connections may get
	drained []inet.Range // that only flows have
}

// touched is the names of the objects that a difference is about.
type touched struct {
	all                    bool // every one, and none is named
	zones, services, pools map[string]bool
	strays                 []string        // elements that belong to none
	unmatched              bool            // so do sources that no zone matches
	slots                  map[string]bool // services whose slots change
}

func (t touched) zone(name string) bool    { return t.all && name != "" || t.zones[name] }
func (t touched) service(name string) bool { return t.all && name != "" || t.services[name] }
func (t touched) pool(name string) bool    { return t.all && name != "" || t.pools[name] }

// poolNameOf returns the pool that a map or chain of a pool belongs to: its name, or "" for
// one written in line.
func poolNameOf(name string) (pool string, ok bool) {
	n, _ := layout.ParseSet(name)
	if n.Kind != layout.Pool {
		return "", false
	}
	if n.Object.Of != layout.OfPool {
		return "", true
	}
	return n.Object.Name, true
}

// look reads the touched objects out of a table.
func look(r *nft.Ruleset, t touched) *view {
	v := &view{zones: make(map[string]*zoneView), pools: make(map[string]*poolView)}
	if r == nil {
		return v
	}
	v.readServices(r, t)
	for _, s := range r.Sets {
		switch {
		case layout.KindOfSet(s.Name) == layout.Laddrs, layout.KindOfSet(s.Name) == layout.LaddrsIn:
			v.readLaddrs(r, s, t)
		case layout.KindOfSet(s.Name).BySource():
			v.readZones(r, s, t)
		case layout.KindOfSet(s.Name) == layout.Excludes:
			v.readExcludes(r, s, t)
		}
	}
	v.readConditional(r, t)
	for _, z := range v.zones {
		z.does = withoutShadows(z.does)
	}
	for _, s := range r.Sets {
		if pool, ok := poolNameOf(s.Name); ok && v.pools[pool] != nil {
			v.pools[pool].ranges = inet.Merge(append(v.pools[pool].ranges, readback.PoolRanges(s)...))
		}
	}
	v.readDrained(r)
	return v
}

// readDrained reads the laddrs that only flows have, of the objects that the view holds.
func (v *view) readDrained(r *nft.Ruleset) {
	for _, s := range r.Sets {
		n, _ := layout.ParseSet(s.Name)
		if n.Kind != layout.Drained {
			continue
		}
		ranges := readback.SetRanges(r.Set, layout.Drained, n.Object)
		switch name := n.Object.Name; n.Object.Of {
		case layout.OfZone:
			if z := v.zones[name]; z != nil {
				z.drained = ranges
			}
		case layout.OfService:
			if sv := v.services[name]; sv != nil {
				sv.drained = ranges
			}
		case layout.OfPool:
			if p := v.pools[name]; p != nil {
				p.drained = ranges
			}
		}
	}
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
