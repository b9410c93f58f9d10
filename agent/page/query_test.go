package page

import (
	"net/url"
	"strings"
	"testing"
)

// Addresses of the page say what is asked for, whatever somebody types there, and links keep it.
func TestQuery(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "./"},
		{"q=+web+&only=wrong&sort=flows&dir=up&page=3&zones=2", "./?dir=up&only=wrong&page=3&q=web&sort=flows&zones=2"},
		{"service=a%22b%3Cc", "./?service=a%22b%3Cc"},
		{"sort=nonsense&dir=sideways&only=right&page=-1&zones=x", "./"},
		{"page=1&zones=0", "./"},
		{"page=99999999999999999999", "./"},
		{"refresh=1", "./?refresh=2"},
		{"refresh=86400", "./?refresh=3600"},
		{"q=" + strings.Repeat("x", 500), "./?q=" + strings.Repeat("x", mostSearch)},
	} {
		v, err := url.ParseQuery(c.in)
		if err != nil {
			t.Fatal(err)
		}
		q := ParseQuery(v)
		if got := q.Link(); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
		if again := ParseQuery(q.Values()); again != q {
			t.Errorf("%q is read as %+v, and again as %+v", c.in, q, again)
		}
	}
}

// A second click on a column turns its order round; another column begins with the most.
func TestQuerySorts(t *testing.T) {
	q := Query{Page: 4, Search: "x"}
	for _, c := range []struct {
		by    Column
		link  string
		order string
	}{
		{ByFlows, "./?q=x&sort=flows", "descending"},
		{ByFlows, "./?dir=up&q=x&sort=flows", "ascending"},
		{ByName, "./?q=x&sort=name", "ascending"},
		{ByName, "./?dir=up&q=x&sort=name", "descending"},
		{ByState, "./?q=x", "descending"},
	} {
		q = q.By(c.by)
		if q.Link() != c.link || q.Order(c.by) != c.order || q.Order("other") != "" {
			t.Errorf("by %q: %s %s, want %s %s", c.by, q.Link(), q.Order(c.by), c.link, c.order)
		}
	}
}
