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
	zones    map[string]*readback.Zone
	services map[string]*serviceView
	pools    map[string]*readback.Pool

	serviceNames, zoneNames []string // as the table has them
}

// touched is the names of the objects that a difference is about.
type touched struct {
	all                    bool // every one, and none is named
	zones, services, pools map[string]bool
	strays                 []string        // elements that belong to none
	unmatched              bool            // so do sources that no zone matches
	slots                  map[string]bool // services whose slots change
}

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
	only := &readback.Only{Services: t.services, Zones: t.zones, Pools: t.pools}
	if t.all {
		only = nil
	}
	table := readback.Read(r, only)
	v := &view{pools: table.Pools, zones: make(map[string]*readback.Zone, len(table.Zones)), zoneNames: make([]string, 0, len(table.Zones)),
		services: make(map[string]*serviceView, len(table.Services)), serviceNames: make([]string, 0, len(table.Services))}
	for _, z := range table.Zones {
		v.zones[z.Name], v.zoneNames = z, append(v.zoneNames, z.Name)
	}
	views := make([]serviceView, len(table.Services))
	for i, sv := range table.Services {
		views[i] = serviceView{read: sv, servers: distinct(sv.RealServers())}
		v.services[sv.Name], v.serviceNames = &views[i], append(v.serviceNames, sv.Name)
	}
	return v
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
