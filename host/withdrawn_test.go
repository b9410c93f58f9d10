package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/lint"
)

// Laddrs are gone that no pool has any more; those that another pool took over are not.
func TestGoneLaddrs(t *testing.T) {
	t.Parallel()
	at := func(s string) []inet.Range {
		r, err := inet.ParseRange(s)
		if err != nil {
			t.Fatal(err)
		}
		return []inet.Range{r}
	}
	live := ct.Bindings{
		Zones:    []ct.Zone{{Pools: []ct.Pool{{Name: "office", Laddrs: at("198.51.100.0/29")}}}, {Pools: []ct.Pool{{Name: "office", Laddrs: at("2001:db8::/127")}}}},
		Services: []ct.Service{{Pools: []ct.Pool{{Name: "web", Laddrs: at("192.0.2.1")}}}},
	}
	want := ct.Bindings{Zones: []ct.Zone{{Pools: []ct.Pool{{Name: "office", Laddrs: at("198.51.100.0/30")}, {Name: "other", Laddrs: at("192.0.2.0/24")}}}}}
	gone := []lint.Withdrawn{{Pool: "office", Laddrs: append(at("198.51.100.4/30"), at("2001:db8::/127")...)}}
	if d := cmp.Diff(gone, goneLaddrs(live, want), cmp.Comparer(func(a, b inet.Range) bool { return a == b })); d != "" {
		t.Error(d)
	}
}
