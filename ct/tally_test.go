package ct

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
)

func TestReportJSON(t *testing.T) {
	x := NewIndex(officePolicy(t), nil)
	y := NewTally(x)
	id := uint16(0)
	for _, text := range []string{
		"tcp 10.1.0.9:999 > 203.0.113.10:80 as 10.1.0.9:999 > 192.168.1.1:80",
		"tcp 10.1.0.9:998 > 203.0.113.10:80 as 10.1.0.9:998 > 192.168.1.7:80",
		"tcp 10.1.0.9:1 > 8.8.8.8:443 as 198.51.100.1:1 > 8.8.8.8:443",
		"tcp 10.1.0.9:2 > 8.8.8.8:443 as 198.51.100.1:2 > 8.8.8.8:443",
		"udp 10.1.0.9:2 > 9.9.9.9:53 as 198.51.100.1:2 > 9.9.9.9:53",
		"icmp 10.1.0.9 > 9.9.9.9 as 198.51.100.2 > 9.9.9.9",
		"icmp 10.1.0.8 > 9.9.9.9 as 198.51.100.2 > 9.9.9.9",
		"tcp 172.17.0.9:2 > 9.9.9.9:53 as 192.0.2.1:2 > 9.9.9.9:53",
		"tcp 172.17.0.9:2 > 9.9.9.9:53",
	} {
		f := parseFlow(t, text)
		f.In, f.Out = Traffic{2, 100}, Traffic{1, 50}
		if !f.Orig.Proto.HasPorts() { // each has an echo id of its own
			id++
			f.Reply.Src = netip.AddrPortFrom(f.Reply.Src.Addr(), id)
		}
		y.Add(f)
	}
	r := y.Report()
	r.Conntrack.Max = 10
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"services":[{"name":"web","vip":["203.0.113.10"],"ports":["tcp/80"],"mode":"nat","scheduler":"rr","flows":2,"new_connections":7,` +
		`"real_servers":[{"address":"192.168.1.1","port":80,"weight":1,"flows":1,"new_connections":5,"bytes_in":100,"bytes_out":50},` +
		`{"address":"192.168.1.2","port":8080,"weight":0,"flows":0,"new_connections":2,"bytes_in":0,"bytes_out":0}]}],` +
		`"zones":[{"name":"office","action":"snat","flows":5,"new_connections":3,"laddrs":[` +
		`{"address":"198.51.100.1","flows":3,"busiest_destination":"8.8.8.8:443/tcp","busiest_destination_ports":2},` +
		`{"address":"198.51.100.2","flows":2,"busiest_destination":"9.9.9.9/icmp","busiest_destination_ports":2},` +
		`{"address":"198.51.100.9","flows":0,"busiest_destination":null,"busiest_destination_ports":0}]}],` +
		`"conntrack":{"entries":9,"max":10,"insert_failed":0}}`
	if string(got) != want {
		t.Errorf("report is\n%s\nwant\n%s", got, want)
	}
	if want := (Totals{Entries: 9, Owned: 6, Past: 2, Nobodys: 1}); r.Totals != want {
		t.Errorf("totals are %+v, want %+v", r.Totals, want)
	}
	if gone := r.Services[0].Gone; len(gone) != 1 || gone[0].Address != netip.MustParseAddr("192.168.1.7") || gone[0].Weight != -1 || gone[0].Flows != 1 || r.Services[0].Past != 1 {
		t.Errorf("gone are %+v", gone)
	}
	if ps := r.Problems(); len(ps) != 1 || ps[0].Severity != Warning || ps[0].Object != "conntrack" {
		t.Errorf("problems are %v", ps)
	}
}

// TestProblems fills a laddr, the table, and leaves a service without servers.
func TestProblems(t *testing.T) {
	b := parseBindings(t, `
service dns at=203.0.113.10/udp/53 servers=192.168.1.3 laddrs=192.168.2.250
service idle at=203.0.113.11/tcp/80
service drained at=203.0.113.12/tcp/80 servers=192.168.1.1*0
zone office from=10.1.0.0/16 laddrs=198.51.100.1
zone both from=10.2.0.0/16 laddrs=198.51.100.1
`)
	b.Zones[0].Pools[0].Ports = inet.PortRange{First: 1001, Last: 1100}
	b.Services[0].Pools[0].Ports = inet.PortRange{First: 1001, Last: 1100}
	for _, c := range []struct {
		flows int
		want  []Problem
	}{
		{79, nil},
		{80, []Problem{
			{Warning, "service dns", "laddr 192.168.2.250 of pool pool uses 80 of 100 ports toward 192.168.1.3:53/udp; give it more laddrs"},
			{Warning, "zone office", "laddr 198.51.100.1 of pool pool uses 80 of 100 ports toward 9.9.9.9:443/tcp; give it more laddrs"}}},
		{95, []Problem{
			{Critical, "service dns", "laddr 192.168.2.250 of pool pool uses 95 of 100 ports toward 192.168.1.3:53/udp; give it more laddrs"},
			{Critical, "zone office", "laddr 198.51.100.1 of pool pool uses 95 of 100 ports toward 9.9.9.9:443/tcp; give it more laddrs"}}},
	} {
		y := NewTally(NewIndex(b, gateway))
		for i := range c.flows {
			y.Add(parseFlow(t, fmt.Sprintf("tcp 10.1.5.9:%d > 9.9.9.9:443 as 198.51.100.1:%[1]d > 9.9.9.9:443", i+1001)))
			y.Add(parseFlow(t, fmt.Sprintf("udp 10.1.5.9:%d > 203.0.113.10:53 as 192.168.2.250:%[1]d > 192.168.1.3:53", i+1001)))
		}
		r := y.Report()
		var got []Problem
		for _, p := range r.Problems() {
			if p.Object != "service idle" && p.Object != "service drained" {
				got = append(got, p)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d flows: problems are %v, want %v", c.flows, got, c.want)
		}
	}
	r := NewTally(NewIndex(b, gateway)).Report()
	r.Conntrack = Conntrack{Entries: 95, Max: 100}
	if got, want := fmt.Sprint(r.Problems()), "[{critical conntrack 95 of 100 entries are in use; raise net.netfilter.nf_conntrack_max} "+
		"{warning service drained all real servers have weight 0: none takes new connections} {warning service idle has no real servers}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestManyLaddrs: a small pool is listed whole, a large one where it is used.
func TestManyLaddrs(t *testing.T) {
	for _, c := range []struct {
		pool string
		want int
	}{{"198.18.0.0/24", 256}, {"198.18.0.0-198.18.1.0", 1}, {"198.18.0.0/16", 1}, {"2001:db8:99::/64", 0}} {
		y := NewTally(NewIndex(parseBindings(t, "zone big from=10.1.0.0/16 laddrs="+c.pool), nil))
		y.Add(parseFlow(t, "tcp 10.1.5.9:1 > 9.9.9.9:443 as 198.18.0.7:1 > 9.9.9.9:443"))
		list := y.Report().Zones[0].Laddrs
		if len(list) != c.want {
			t.Errorf("pool %s: %d laddrs are listed, want %d", c.pool, len(list), c.want)
		}
		if !slices.IsSortedFunc(list, func(a, b LaddrReport) int { return a.Address.Compare(b.Address) }) {
			t.Errorf("pool %s: laddrs are not in order", c.pool)
		}
	}
}

// TestBusiest: of two destinations as busy the lower one is named, in every run.
func TestBusiest(t *testing.T) {
	for range 20 {
		y := NewTally(NewIndex(parseBindings(t, town), nil))
		for _, to := range []string{"9.9.9.9:53", "9.9.9.8:443", "9.9.9.8:53", "9.9.9.10:1"} {
			y.Add(parseFlow(t, "tcp 10.1.5.9:1 > "+to+" as 198.51.100.1:1 > "+to))
		}
		y.Add(parseFlow(t, "tcp [fd01::9]:1 > [2001:db8:8::8]:443 as [2001:db8:99::1]:1 > [2001:db8:8::8]:443"))
		r := y.Report()
		if !slices.IsSortedFunc(r.Zones, func(a, b ZoneReport) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatal("zones are not listed by name")
		}
		office := slices.IndexFunc(r.Zones, func(z ZoneReport) bool { return z.Name == "office" })
		list := r.Zones[office].Laddrs
		if got := list[0].Busiest.String(); got != "9.9.9.8:53/tcp" {
			t.Fatalf("the busiest destination is %s", got)
		}
		if got := list[len(list)-1].Busiest.String(); got != "[2001:db8:8::8]:443/tcp" {
			t.Fatalf("the busiest IPv6 destination is %s", got)
		}
	}
}

// officePolicy has a NAT service and a zone.
func officePolicy(t testing.TB) Bindings {
	return Bindings{
		Services: []Service{{Name: "web", Mode: "nat", Scheduler: "rr", New: 7,
			Fronts: []Front{{netip.MustParseAddr("203.0.113.10"), parsePorts(t, "tcp/80")[0], 0}},
			Servers: []Server{{Addr: netip.MustParseAddr("192.168.1.1"), Weight: 1, New: 5},
				{Addr: netip.MustParseAddr("192.168.1.2"), Port: 8080, New: 2}}}},
		Zones: []Zone{{Name: "office", Action: "snat", New: 3, Sources: ranges("10.1.0.0/16"),
			Pools: []Pool{{Name: "office", Laddrs: ranges("198.51.100.1-198.51.100.2", "198.51.100.9")}}}},
	}
}

// Flows in conntrack zones count as all others, and apart.
func TestTallyZoned(t *testing.T) {
	y := NewTally(NewIndex(parseBindings(t, town), gateway))
	for _, zones := range [][2]uint16{{0, 0}, {7, 7}, {0, 9}} {
		f := parseFlow(t, "tcp 10.1.5.9:1 > 8.8.8.8:443 as 198.51.100.2:1 > 8.8.8.8:443")
		f.CTZone, f.ReplyCTZone = zones[0], zones[1]
		y.Add(f)
	}
	if got, want := y.Report().Totals, (Totals{Entries: 3, Owned: 3, Zoned: 2}); got != want {
		t.Errorf("the totals are %+v, want %+v", got, want)
	}
}

// TestShortages: a laddr without ports is told of once, and its pool as a whole if it has no
// other.
func TestShortages(t *testing.T) {
	b := parseBindings(t, `
service dns at=203.0.113.10/udp/53 servers=192.168.1.3 laddrs=192.168.2.250
zone both from=10.2.0.0/16 laddrs=198.51.100.1-198.51.100.2
zone office from=10.1.0.0/16 laddrs=198.51.100.1-198.51.100.2
zone big from=10.3.0.0/16 laddrs=198.18.0.0/16
`)
	for i := range b.Zones {
		b.Zones[i].Pools[0].Ports = inet.PortRange{First: 1001, Last: 1010}
	}
	b.Services[0].Pools[0].Ports = inet.PortRange{First: 1001, Last: 1010}
	y := NewTally(NewIndex(b, gateway))
	for port := 1001; port <= 1010; port++ {
		for _, text := range []string{
			"tcp 10.1.5.9:%d > 9.9.9.9:443 as 198.51.100.1:%[1]d > 9.9.9.9:443",
			"tcp 10.3.5.9:%d > 9.9.9.9:443 as 198.18.0.7:%[1]d > 9.9.9.9:443",
			"udp 10.1.5.9:%d > 203.0.113.10:53 as 192.168.2.250:%[1]d > 192.168.1.3:53",
		} {
			y.Add(parseFlow(t, fmt.Sprintf(text, port)))
		}
	}
	tell := func() string {
		var out []string
		r := y.Report()
		for _, s := range r.Shortages() {
			var full []string
			for _, l := range s.Full {
				full = append(full, l.Address.String())
			}
			out = append(out, fmt.Sprintf("%s %s %v %v", s.Object, s.Name(), full, s.All))
		}
		slices.Sort(out)
		return strings.Join(out, "; ")
	}
	if got, want := tell(), "service dns pool [192.168.2.250] true; zone big pool [198.18.0.7] false; zone both pool [198.51.100.1] false"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for port := 1001; port <= 1010; port++ {
		y.Add(parseFlow(t, fmt.Sprintf("tcp 10.1.5.8:%d > 9.9.9.9:443 as 198.51.100.2:%[1]d > 9.9.9.9:443", port)))
	}
	if got := tell(); !strings.Contains(got, "zone both pool [198.51.100.1 198.51.100.2] true") {
		t.Errorf("got %s", got)
	}
}
