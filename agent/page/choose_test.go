package page

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func shownServices(v *View) (names []string) {
	for _, s := range v.Services.Rows {
		names = append(names, s.Name)
	}
	return names
}

// What is wrong comes first, and each query shows what it asks for.
func TestServicesChosen(t *testing.T) {
	w := Join(sample())
	for _, c := range []struct {
		query Query
		want  string
	}{
		{Query{}, "shop web maintained dns mail"},
		{Query{Least: true}, "mail dns maintained web shop"},
		{Query{Wrong: true}, "shop web"},
		{Query{Sort: ByName}, "dns mail maintained shop web"},
		{Query{Sort: ByName, Least: true}, "web shop maintained mail dns"},
		{Query{Sort: ByFlows}, "maintained mail web shop dns"},
		{Query{Sort: ByNew, Least: true}, "dns shop web mail maintained"},
		{Query{Sort: ByBytes}, "maintained mail web shop dns"},
		{Query{Search: "MAI"}, "maintained mail"},
		{Query{Search: "192.168.1.1"}, "web maintained"},
		{Query{Search: "203.0.113.2"}, "mail"},
		{Query{Search: "udp/53"}, "dns"},
		{Query{Search: "nobody"}, ""},
		{Query{Service: "web", Wrong: true, Search: "x"}, "web"},
		{Query{Zone: "office"}, ""},
	} {
		if got := strings.Join(shownServices(NewView(w, c.query, "")), " "); got != c.want {
			t.Errorf("%+v shows %q, want %q", c.query, got, c.want)
		}
	}
}

// Zones have the fullest laddr first, and those that are nearly full before all others.
func TestZonesChosen(t *testing.T) {
	w := Join(sample())
	for _, c := range []struct {
		query Query
		want  string
	}{
		{Query{}, "cgn office quarantine"},
		{Query{Wrong: true}, "cgn"},
		{Query{Search: "198.51.100.2"}, "office"},
		{Query{Zone: "office"}, "office"},
		{Query{Service: "web"}, ""},
		{Query{Sort: ByFlows, Least: true}, "quarantine cgn office"},
	} {
		var got []string
		for _, z := range NewView(w, c.query, "").Zones.Rows {
			got = append(got, z.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v shows %q, want %q", c.query, got, c.want)
		}
	}
}

// Pages cut the table without gaps, and one that is not there any more is the last one.
func TestPages(t *testing.T) {
	w := Join(manyServices(2*perPage + 3))
	var all []string
	for n := range 3 {
		v := NewView(w, Query{Sort: ByName, Page: n}, "")
		if v.Services.Pages != 3 || v.Services.Found != 2*perPage+3 {
			t.Errorf("page %d is one of %d, with %d found", n, v.Services.Pages, v.Services.Found)
		}
		all = append(all, shownServices(v)...)
	}
	var want []string
	for i := range 2*perPage + 3 {
		want = append(want, fmt.Sprintf("svc-%05d", i))
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("the pages show (-want +got)\n%s", diff)
	}
	if v := NewView(w, Query{Page: 99}, ""); v.Query.Page != 2 || len(v.Services.Rows) != 3 {
		t.Errorf("page 100 shows page %d with %d", v.Query.Page+1, len(v.Services.Rows))
	}
	if v := NewView(w, Query{Search: "nobody", Page: 2}, ""); v.Query.Page != 0 || len(v.Services.Rows) != 0 {
		t.Errorf("an empty table has page %d", v.Query.Page+1)
	}
}
