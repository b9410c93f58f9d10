package page

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/compiler/tell"
)

// View is the page for one reader: a Whole, and what of it the reader asked for. It is pure.
type View struct {
	Whole *Whole
	Query Query
	Theme string // dark, light, or empty: as the reader's system has it

	Services chosen[*Service]
	Zones    chosen[*Zone]

	Style  template.CSS
	Script template.JS
}

// NewView chooses what a reader asked for.
func NewView(w *Whole, q Query, theme string) *View {
	v := &View{Whole: w, Query: q, Theme: theme, Services: q.services(w), Zones: q.zones(w)}
	v.Query.Page, v.Query.Zones = v.Services.Page, v.Zones.Page
	return v
}

// moment is a time beside that of the page.
type moment struct{ Now, At time.Time }

// Since is a time of which is said how long ago it was.
func (v *View) Since(t time.Time) moment { return moment{v.Whole.At, t} }

// Title says first how things stand: browsers show its beginning.
func (v *View) Title() string {
	title := v.Whole.Host + " · snatctl"
	if n := len(v.Whole.Troubles); n > 0 {
		title = fmt.Sprintf("(%d) %s", n, title)
	}
	return title
}

// Icon is a disc in the colour of what is worst.
func (v *View) Icon() template.URL {
	colour := map[Standing]string{Failed: "c4291c", Degraded: "b26a00"}[v.Verdict().Standing]
	if colour == "" {
		colour = "1f8a4c"
	}
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#` + colour + `"/></svg>`
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)))
}

// Verdict is how all of it stands, in a few words.
func (v *View) Verdict() Condition {
	all := v.Whole.Troubles
	if len(all) == 0 {
		return Condition{Standing: Fine, Word: "All is as the policy says"}
	}
	c := Condition{Standing: all[0].Standing, Word: many(len(all), "problem")}
	return c
}

// Troubles are those that come first.
func (v *View) Troubles() []Trouble {
	return v.Whole.Troubles[:min(len(v.Whole.Troubles), fewTroubles)]
}

// MoreTroubles is how many there are beside.
func (v *View) MoreTroubles() int { return len(v.Whole.Troubles) - len(v.Troubles()) }

// choice is one of several links.
type choice struct {
	Name, Title, Link string
	Order             string // as aria-sort says it
	Prefix            string // of the title, where there is room
	Class             string
	Now               bool
}

// Themes are the colours that a reader may choose.
func (v *View) Themes() (out []choice) {
	for _, c := range []choice{{Title: "Auto"}, {Name: "light", Title: "Light"}, {Name: "dark", Title: "Dark"}} {
		values := v.Query.Values()
		values.Set("theme", c.Name)
		c.Link, c.Now = "./?"+values.Encode(), c.Name == v.Theme
		out = append(out, c)
	}
	return out
}

// pair is a part of a query that a form keeps.
type pair struct{ Name, Value string }

// Kept is what stays as it is when the form is sent.
func (v *View) Kept() (out []pair) {
	q := Query{Sort: v.Query.Sort, Least: v.Query.Least, Refresh: v.Query.Refresh}
	values := q.Values()
	for _, key := range []string{"sort", "dir", "refresh"} {
		if text := values.Get(key); text != "" {
			out = append(out, pair{key, text})
		}
	}
	return out
}

// Sorts are the columns by which narrow screens sort.
func (v *View) Sorts() (out []choice) {
	for _, c := range columns {
		out = append(out, choice{Title: c.Title, Link: v.Query.By(c.By).Link(), Order: v.Query.Order(c.By)})
	}
	return out
}

// head is the head of a column; without by it cannot be sorted.
func (v *View) head(title, class string, by ...Column) choice {
	c := choice{Title: title, Class: class}
	if len(by) > 0 {
		c.Link, c.Order = v.Query.By(by[0]).Link(), v.Query.Order(by[0])
	}
	return c
}

// ServiceHeads are the columns of the services.
func (v *View) ServiceHeads() []choice {
	return []choice{v.head("Service", "name", ByName), v.head("State", "cond", ByState), v.head("Weight", "num weight"), {Prefix: "Share", Title: "wanted", Class: "num wanted"}, {Prefix: "Share", Title: "got", Class: "num got"},
		v.head("Flows", "num flows", ByFlows), v.head("New/s", "num new", ByNew), v.head("Bytes/s", "num bytes", ByBytes), v.head("Last minutes", "past")}
}

// ZoneHeads are the columns of the zones.
func (v *View) ZoneHeads() []choice {
	return []choice{v.head("Zone", "name", ByName), v.head("Fullest laddr", "cond", ByState),
		v.head("Flows", "num flows", ByFlows), v.head("New/s", "num new", ByNew), v.head("Bytes/s", "num bytes", ByBytes), v.head("Last minutes", "past")}
}

// FoundServices says how many services are shown.
func (v *View) FoundServices() string { return found(v.Services.Found, v.Services.Of, "service") }

// FoundZones says how many zones are shown.
func (v *View) FoundZones() string { return found(v.Zones.Found, v.Zones.Of, "zone") }

func found(n, of int, noun string) string {
	if n == of {
		return many(n, noun)
	}
	return count(uint64(n)) + " of " + many(of, noun)
}

// pages are the ways to other pages of a table.
type pages struct {
	What                    string
	Of                      turner
	First, Prev, Next, Last string
}

// turner is where in a table one is.
type turner struct{ Page, Pages, Prev, Next int }

func pagesOf[T any](what string, c chosen[T], at func(int) Query) pages {
	return pages{what, turner{c.Page, c.Pages, c.Prev(), c.Next()}, at(0).Link(), at(c.Prev()).Link(), at(c.Next()).Link(), at(c.Pages - 1).Link()}
}

// ServicePages are the ways to other pages of the services.
func (v *View) ServicePages() pages { return pagesOf("services", v.Services, v.Query.At) }

// ZonePages are the ways to other pages of the zones.
func (v *View) ZonePages() pages { return pagesOf("zones", v.Zones, v.Query.ZonesAt) }

// DriftChanges are those that others made, the standing ones if there are any.
func (v *View) DriftChanges() []tell.Change {
	d := v.Whole.Agent.Drift
	all := d.Changes
	if len(d.Standing) > 0 {
		all = d.Standing
	}
	return all[:min(len(all), fewTroubles)]
}

// override is a real server that an operator has a hand in.
type override struct {
	Service  string
	Server   *Server
	Weighted bool // by another weight
}

// Overrides are the real servers that operators have a hand in, up to a number.
func (v *View) Overrides() (out []override) {
	if v.Whole.Counts.Overrides == 0 {
		return nil
	}
	for _, s := range v.Whole.Services {
		if !slices.ContainsFunc(s.known.Servers, func(o agent.Server) bool { return o.Override != nil }) {
			continue
		}
		for _, o := range s.Servers() {
			if o.Override != nil && len(out) < fewFindings {
				out = append(out, override{s.Name, o, o.Override.Kind == balance.SetWeight})
			}
		}
	}
	return out
}

// Findings are those of lint that come first.
func (v *View) Findings() []Finding {
	return v.Whole.Findings[:min(len(v.Whole.Findings), fewFindings)]
}

// MoreFindings is how many there are beside.
func (v *View) MoreFindings() int { return len(v.Whole.Findings) - len(v.Findings()) }
