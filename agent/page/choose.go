package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/ct"
)

// How many objects a page of each table has, and how many parts of one are listed unless it is asked
// for alone. 25 services with 12 real servers each are 325 rows.
const (
	perPage     = 25
	fewServers  = 12
	fewLaddrs   = 6
	fewTroubles = 10
	fewFindings = 20
)

// chosen is the part of a table that a query asks for.
type chosen[T any] struct {
	Rows  []T // of this page
	Found int // on all pages
	Of    int // in the table
	Page  int // from 0; the last one if there are fewer than were asked for
	Pages int
}

// First and Last are the numbers of the rows, from 1.
func (c chosen[T]) First() int { return min(c.Found, c.Page*perPage+1) }

// Last is the number of the last row.
func (c chosen[T]) Last() int { return min(c.Found, (c.Page+1)*perPage) }

// Prev and Next are the pages beside it; -1: there is none.
func (c chosen[T]) Prev() int { return c.Page - 1 }

// Next is the page after it; -1: there is none.
func (c chosen[T]) Next() int {
	if c.Page+1 < c.Pages {
		return c.Page + 1
	}
	return -1
}

// row is what sorting and filtering needs of an object.
type row struct {
	name     string
	standing Standing
	load     *Load
}

// pick filters, sorts and cuts a table. Rows that are equal stay in the policy's order, but for those
// sorted by state, which is by name then.
func pick[T any](all []T, q Query, page int, wanted func(T) bool, of func(T) row) chosen[T] {
	c := chosen[T]{Of: len(all), Rows: sorted(all, q, wanted, of)}
	c.Found = len(c.Rows)
	c.Pages = max(1, (c.Found+perPage-1)/perPage)
	c.Page = min(page, c.Pages-1)
	c.Rows = c.Rows[c.Page*perPage : c.Last()]
	return c
}

// sorted returns the rows that are wanted in the order that a query asks for.
func sorted[T any](all []T, q Query, wanted func(T) bool, of func(T) row) []T {
	out := make([]T, 0, len(all))
	for _, o := range all {
		if wanted(o) {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b T) int {
		x, y := of(a), of(b)
		order := compareRows(x, y, q.Sort)
		if q.Least {
			order = -order
		}
		return cmp.Or(order, strings.Compare(x.name, y.name))
	})
	return out
}

// compareRows orders two rows as a column does at first: the most before, names from a to z.
func compareRows(x, y row, by Column) int {
	switch by {
	case ByName:
		return strings.Compare(x.name, y.name)
	case ByFlows:
		return cmp.Compare(y.load.Flows, x.load.Flows)
	case ByNew:
		return cmp.Compare(y.load.Rate.New, x.load.Rate.New)
	case ByBytes:
		return cmp.Compare(y.load.Rate.Bytes, x.load.Rate.Bytes)
	}
	return cmp.Compare(y.standing, x.standing)
}

func ofServiceRow(s *Service) row { return row{s.Name, s.Condition.Standing, &s.Load} }

func ofZoneRow(z *Zone) row { return row{z.Name, z.standing, &z.Load} }

// wantsService tells whether a query asks for a service.
func (q Query) wantsService(s *Service) bool {
	switch {
	case q.Service != "":
		return s.Name == q.Service
	case q.Zone != "" || q.Wrong && !s.Wrong:
		return false
	}
	return q.Search == "" || contains(s.Name, q.Search) || contains(s.Fronts(), q.Search) || slices.ContainsFunc(s.known.Servers, func(o agent.Server) bool {
		return contains(o.Text(), q.Search)
	})
}

// wantsZone tells whether a query asks for a zone.
func (q Query) wantsZone(z *Zone) bool {
	switch {
	case q.Zone != "":
		return z.Name == q.Zone
	case q.Service != "" || q.Wrong && !z.Wrong():
		return false
	}
	return q.Search == "" || contains(z.Name, q.Search) || slices.ContainsFunc(z.laddrs, func(l ct.LaddrReport) bool {
		return contains(l.Pool, q.Search) || contains(l.Address.String(), q.Search)
	})
}

// contains tells whether a text holds another, in capitals or not.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// services chooses from the services.
func (q Query) services(w *Whole) chosen[*Service] {
	return pick(w.Services, q, q.Page, q.wantsService, ofServiceRow)
}

// zones chooses from the zones.
func (q Query) zones(w *Whole) chosen[*Zone] {
	return pick(w.Zones, q, q.Zones, q.wantsZone, ofZoneRow)
}
