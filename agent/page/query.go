package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Query is what a reader asks for: what stands in the address of the page. The zero value is
// everything, the worst first.
type Query struct {
	Search  string // text that names and addresses hold; empty: all
	Wrong   bool   // only what is wrong
	Sort    Column // of the tables
	Least   bool   // the least first, instead of the most; of names, the last
	Page    int    // of the services, from 0
	Zones   int    // page of the zones, from 0
	Service string // only the service of this name, with all of its real servers
	Zone    string // likewise
	Refresh int    // seconds after which a browser without JavaScript asks again; 0: never
}

// Column is a column by which tables are sorted.
type Column string

// The columns. The zero value sorts by what is wrong.
const (
	ByState Column = ""
	ByName  Column = "name"
	ByFlows Column = "flows"
	ByNew   Column = "new"
	ByBytes Column = "bytes"
)

// columns are the columns with their titles, in the order in which they are offered.
var columns = []struct {
	By    Column
	Title string
}{{ByState, "State"}, {ByName, "Name"}, {ByFlows, "Flows"}, {ByNew, "New/s"}, {ByBytes, "Bytes/s"}}

// Bounds of what a reader may ask for.
const (
	mostSearch   = 200 // bytes
	leastRefresh = 2   // seconds
	mostRefresh  = 3600
)

// ParseQuery reads what a reader asks for. What it does not know it takes for the default: an
// address that was typed by hand shows a page, and no error.
func ParseQuery(v url.Values) Query {
	q := Query{Search: cut(strings.TrimSpace(v.Get("q"))), Wrong: v.Get("only") == "wrong", Sort: Column(v.Get("sort")), Least: v.Get("dir") == "up",
		Page: from(v.Get("page")), Zones: from(v.Get("zones")), Service: cut(v.Get("service")), Zone: cut(v.Get("zone"))}
	if !slices.ContainsFunc(columns, func(c struct {
		By    Column
		Title string
	}) bool {
		return c.By == q.Sort
	}) {
		q.Sort = ByState
	}
	if n, err := strconv.Atoi(v.Get("refresh")); err == nil && n > 0 {
		q.Refresh = min(max(n, leastRefresh), mostRefresh)
	}
	return q
}

func cut(s string) string { return s[:min(len(s), mostSearch)] }

// from is the number of a page, which readers count from 1.
func from(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<20 {
		return 0
	}
	return n - 1
}

// Values writes it as the address has it: only what is not the default.
func (q Query) Values() url.Values {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	number := func(key string, n int) {
		if n > 0 {
			v.Set(key, strconv.Itoa(n+1))
		}
	}
	set("q", q.Search)
	if q.Wrong {
		v.Set("only", "wrong")
	}
	set("sort", string(q.Sort))
	if q.Least {
		v.Set("dir", "up")
	}
	number("page", q.Page)
	number("zones", q.Zones)
	set("service", q.Service)
	set("zone", q.Zone)
	if q.Refresh > 0 {
		v.Set("refresh", strconv.Itoa(q.Refresh))
	}
	return v
}

// address is the query behind a path.
func (q Query) address(path string) string {
	if text := q.Values().Encode(); text != "" {
		return path + "?" + text
	}
	return path
}

// Link is the address of the page that shows it.
func (q Query) Link() string { return q.address("./") }

// Twin is the address of a table in another form: "services.csv".
func (q Query) Twin(name string) string {
	q.Page, q.Zones, q.Refresh = 0, 0, 0
	return q.address(name)
}

// By is the same, sorted by a column; if it is already, the other way round.
func (q Query) By(c Column) Query {
	q.Least = q.Sort == c && !q.Least
	q.Sort, q.Page, q.Zones = c, 0, 0
	return q
}

// Order is how a column is sorted, as aria-sort says it; empty: not by this one.
func (q Query) Order(c Column) string {
	switch {
	case q.Sort != c:
		return ""
	case q.Least != (c == ByName):
		return "ascending"
	}
	return "descending"
}

// Only turns showing only what is wrong on or off.
func (q Query) Only(wrong bool) Query {
	q.Wrong, q.Page, q.Zones = wrong, 0, 0
	return q
}

// At is another page of the services.
func (q Query) At(page int) Query {
	q.Page = page
	return q
}

// ZonesAt is another page of the zones.
func (q Query) ZonesAt(page int) Query {
	q.Zones = page
	return q
}

// All is the query without what narrows it.
func (q Query) All() Query { return Query{Sort: q.Sort, Least: q.Least, Refresh: q.Refresh} }

// OfService shows one service.
func (q Query) OfService(name string) Query {
	q = q.All()
	q.Service = name
	return q
}

// OfZone shows one zone.
func (q Query) OfZone(name string) Query {
	q = q.All()
	q.Zone = name
	return q
}

// Again asks again every few seconds.
func (q Query) Again(seconds int) Query {
	q.Refresh = seconds
	return q
}

// Narrow tells whether it leaves anything out.
func (q Query) Narrow() bool { return q.Search != "" || q.Wrong || q.Service != "" || q.Zone != "" }
