package ct

import (
	"encoding/json"
	"net/netip"
	"testing"
)

func TestReportJSON(t *testing.T) {
	x := NewIndex(officePolicy(t), nil)
	y := NewTally(x)
	for _, text := range []string{
		"tcp 10.1.0.9:999 > 203.0.113.10:80 as 10.1.0.9:999 > 192.168.1.1:80",
		"tcp 10.1.0.9:998 > 203.0.113.10:80 as 10.1.0.9:998 > 192.168.1.7:80",
		"tcp 10.1.0.9:1 > 8.8.8.8:443 as 198.51.100.1:1 > 8.8.8.8:443",
		"tcp 10.1.0.9:2 > 8.8.8.8:443 as 198.51.100.1:2 > 8.8.8.8:443",
		"udp 10.1.0.9:2 > 9.9.9.9:53 as 198.51.100.1:2 > 9.9.9.9:53",
		"icmp 10.1.0.9 > 9.9.9.9 as 198.51.100.2 > 9.9.9.9",
		"tcp 172.17.0.9:2 > 9.9.9.9:53 as 192.0.2.1:2 > 9.9.9.9:53",
		"tcp 172.17.0.9:2 > 9.9.9.9:53",
	} {
		f := parseFlow(t, text)
		f.In, f.Out = Traffic{2, 100}, Traffic{1, 50}
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
		`"zones":[{"name":"office","action":"snat","flows":4,"new_connections":3,"laddrs":[` +
		`{"address":"198.51.100.1","flows":3,"busiest_destination":"8.8.8.8:443/tcp","busiest_destination_ports":2},` +
		`{"address":"198.51.100.2","flows":1,"busiest_destination":"9.9.9.9/icmp","busiest_destination_ports":1},` +
		`{"address":"198.51.100.9","flows":0,"busiest_destination":null,"busiest_destination_ports":0}]}],` +
		`"conntrack":{"entries":8,"max":10,"insert_failed":0}}`
	if string(got) != want {
		t.Errorf("report is\n%s\nwant\n%s", got, want)
	}
	if want := (Totals{Entries: 8, Owned: 5, Past: 2, Nobodys: 1}); r.Totals != want {
		t.Errorf("totals are %+v, want %+v", r.Totals, want)
	}
	if gone := r.Services[0].Gone; len(gone) != 1 || gone[0].Address != netip.MustParseAddr("192.168.1.7") || gone[0].Weight != -1 || gone[0].Flows != 1 || r.Services[0].Past != 1 {
		t.Errorf("gone are %+v", gone)
	}
	if ps := r.Problems(); len(ps) != 1 || ps[0].Severity != Warning || ps[0].Object != "conntrack" {
		t.Errorf("problems are %v", ps)
	}
}

// officePolicy has a NAT service and a zone.
func officePolicy(t testing.TB) Bindings {
	return Bindings{
		Services: []Service{{Name: "web", Mode: "nat", Scheduler: "rr", New: 7,
			Fronts: []Front{{netip.MustParseAddr("203.0.113.10"), parsePorts(t, "tcp/80")[0]}},
			Servers: []Server{{Addr: netip.MustParseAddr("192.168.1.1"), Weight: 1, New: 5},
				{Addr: netip.MustParseAddr("192.168.1.2"), Port: 8080, New: 2}}}},
		Zones: []Zone{{Name: "office", Action: "snat", New: 3, Sources: ranges("10.1.0.0/16"),
			Pools: []Pool{{Name: "office", Laddrs: ranges("198.51.100.1-198.51.100.2", "198.51.100.9")}}}},
	}
}
