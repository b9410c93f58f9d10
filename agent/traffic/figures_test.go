package traffic

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// reported is a reading of a service with a real server and of two zones with one pool.
func reported(known bool, rates ...ct.Rate) *gateway.Accounted {
	laddr := func(flows uint64) []ct.LaddrReport {
		return []ct.LaddrReport{{Address: netip.MustParseAddr("198.51.100.1"), Pool: "few", Flows: flows, Ports: 16, Capacity: 64}}
	}
	zones := ct.Bindings{Zones: []ct.Zone{{Name: "guests", Action: "snat", Pools: []ct.Pool{{Name: "few"}}}, {Name: "office", Action: "snat", Pools: []ct.Pool{{Name: "few"}}}, {Name: "none", Action: "drop"}}}
	return &gateway.Accounted{Picture: &gateway.Picture{Bindings: zones}, At: time.Unix(100, 0), Over: 2 * time.Second, Known: known, Rates: rates, Survey: gateway.Survey{Report: ct.Report{
		Services: []ct.ServiceReport{{Name: "web", New: 7, Uncounted: true, Servers: []ct.ServerReport{{Address: netip.MustParseAddr("192.168.1.1")}}}},
		Zones:    []ct.ZoneReport{{Name: "guests", Laddrs: laddr(4)}, {Name: "office", Laddrs: laddr(12)}},
	}}}
}

func group(name, at string) ct.Group {
	g := ct.Group{Name: name}
	if at != "" {
		g.At = netip.MustParseAddrPort(at)
	}
	return g
}

// Events of one account after the other add up. A reading after a loss has made it good.
func TestEvents(t *testing.T) {
	var totals totals
	read := func(begun, ended, lost uint64) Events {
		a := reported(true)
		a.Heard[ct.New], a.Heard[ct.Destroy], a.Lost = begun, ended, lost
		return totals.figures(a).Events
	}
	for _, want := range []Events{{5, 2, 0, 0}, {9, 2, 4, 1}, {9, 3, 4, 1}} {
		if got := read(want.New, want.Destroy, want.Lost); got != want {
			t.Errorf("events are %+v, want %+v", got, want)
		}
	}
	totals.pause()
	if got, want := read(1, 1, 0), (Events{10, 4, 4, 1}); got != want {
		t.Errorf("events of the next account make %+v, want %+v", got, want)
	}
	if got, want := read(1, 1, 3), (Events{10, 4, 7, 2}); got != want {
		t.Errorf("a loss of the next account makes %+v, want %+v", got, want)
	}
}

// Totals add up what rates tell, and rates are of a second.
func TestTotals(t *testing.T) {
	var totals totals
	moved := []ct.Rate{
		{Group: group("web", "192.168.1.1:80"), New: 3, In: 1000, Out: 2000},
		{Group: group("web", "192.168.1.1:81"), New: 1, In: 10},
		{Group: group("office", ""), New: 5, In: 50, Out: 60},
		{Group: ct.Group{}, New: 100, In: 1e6},
	}
	totals.figures(reported(true, moved...))
	unknown := totals.figures(reported(false, moved...))
	if unknown.Over != 0 || unknown.Services[0].Rate != (Rate{}) {
		t.Errorf("rates that are not known are %+v", unknown.Services[0])
	}
	f := totals.figures(reported(true, moved...))
	if s := f.Services[0]; s.Bytes != (Bytes{2020, 4000}) || s.Rate != (Rate{2, 505, 1000}) || s.New != 7 {
		t.Errorf("the service is %+v", s)
	}
	if rs := f.Services[0].Servers[0]; rs.Opened != 8 || rs.Rate != (Rate{2, 505, 1000}) {
		t.Errorf("the real server is %+v", rs)
	}
	if z := f.Zones[1]; z.Name != "office" || z.Bytes != (Bytes{100, 120}) || z.Rate != (Rate{2.5, 25, 30}) {
		t.Errorf("the zone is %+v", z)
	}
	if p := f.Pools; len(p) != 1 || p[0].Name != "few" || p[0].Fullest != 0.25 || len(p[0].Laddrs) != 1 || p[0].Laddrs[0].Flows != 16 {
		t.Errorf("the pools are %+v", p)
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"web"`, `"new_connections":7`, `"real_servers":[{"address":"192.168.1.1"`, `"fullest":0.25`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
}
