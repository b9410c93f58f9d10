package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// surveyed is a report of two services and a zone.
func surveyed() gateway.Survey {
	addr := netip.MustParseAddr
	return gateway.Survey{Report: ct.Report{
		Services: []ct.ServiceReport{
			{Name: "dns", VIP: []string{"203.0.113.10"}, Ports: []string{"udp/53"}, Mode: "nat", Scheduler: "rr", Servers: []ct.ServerReport{}},
			{Name: "<web>", VIP: []string{"203.0.113.11"}, Ports: []string{"tcp/80"}, Mode: "fullnat", Scheduler: "wrr", Flows: 3, New: 7,
				Servers: []ct.ServerReport{{Address: addr("192.168.1.1"), Port: 80, Weight: 0, Flows: 3, New: 7, BytesIn: 10, BytesOut: 20}}},
		},
		Zones:     []ct.ZoneReport{{Name: "office", Action: "snat", Flows: 1, New: 2, Laddrs: []ct.LaddrReport{{Address: addr("198.51.100.1"), Flows: 1}}}},
		Conntrack: ct.Conntrack{Entries: 5, Max: 100, InsertFailed: 1},
	}}
}

// The JSON of status has the keys that are promised, in their order, with an agent and without.
func TestStatus(t *testing.T) {
	at := time.Date(2026, 11, 30, 2, 0, 0, 0, time.FixedZone("", 3600))
	k := Keep(agent.Snapshot{Policy: agent.Policy{Hash: "abc", AppliedAt: at}, Drift: agent.Drift{Repairs: 2}, Uplinks: []agent.Uplink{{Name: "isp1", Interface: "wan0", State: agent.UplinkDown, Since: at, LastCheck: at, Kept: true, Error: "9.9.9.9: no answer in 1s",
		Targets: []agent.UplinkTarget{{Address: netip.MustParseAddrPort("9.9.9.9:0"), Health: "down", LastCheck: at, Error: "no answer in 1s"}}}}}, []agent.Service{{Name: "<web>", Quorum: agent.Quorum{Need: 1, Up: 1, Met: true},
		Servers: []agent.Server{{Address: netip.MustParseAddrPort("192.168.1.1:0"), Admin: 4, Health: "up", LastCheck: at}}}})
	const head = `{"services":[{"name":"dns","vip":["203.0.113.10"],"ports":["udp/53"],"mode":"nat","scheduler":"rr","flows":0,"new_connections":0,"real_servers":[],"quorum":null,"sorry":null},` +
		`{"name":"<web>","vip":["203.0.113.11"],"ports":["tcp/80"],"mode":"fullnat","scheduler":"wrr","flows":3,"new_connections":7,"real_servers":[{"address":"192.168.1.1","port":80,`
	const tail = `"zones":[{"name":"office","action":"snat","flows":1,"new_connections":2,"laddrs":[{"address":"198.51.100.1","flows":1,"busiest_destination":null,"busiest_destination_ports":0}]}],` +
		`"conntrack":{"entries":5,"max":100,"insert_failed":1}`
	for _, c := range []struct {
		k    *Kept
		want string
	}{
		{nil, head + `"weight":0,"flows":3,"new_connections":7,"bytes_in":10,"bytes_out":20,"health":null,"last_check":null,"last_change":null,"check_error":null,"override":null}],"quorum":null,"sorry":null}],` + tail + `,"agent":null}` + "\n"},
		{k, head + `"weight":4,"flows":3,"new_connections":7,"bytes_in":10,"bytes_out":20,"health":"up","last_check":"2026-11-30T01:00:00Z","last_change":null,"check_error":null,"override":null}],` +
			`"quorum":{"need":1,"up":1,"met":true},"sorry":false}],` + tail + `,"uplinks":[{"name":"isp1","interface":"wan0","state":"down","since":"2026-11-30T01:00:00Z","last_check":"2026-11-30T01:00:00Z","error":"9.9.9.9: no answer in 1s","kept":true,"override":null,` +
			`"targets":[{"address":"9.9.9.9","health":"down","last_check":"2026-11-30T01:00:00Z","check_error":"no answer in 1s"}]}],"agent":{"policy_hash":"abc","applied_at":"2026-11-30T01:00:00Z","drift_repairs":2,"policy_error":null}}` + "\n"},
	} {
		var b bytes.Buffer
		if err := Status(&b, surveyed(), c.k); err != nil || b.String() != c.want {
			t.Errorf("%v:\n%s\nwant\n%s", err, b.String(), c.want)
		}
	}
	var b bytes.Buffer
	if err := Status(&b, gateway.Survey{}, nil); err != nil || !strings.HasPrefix(b.String(), `{"services":[],"zones":[],`) {
		t.Errorf("%v:\n%s", err, b.String())
	}
}

// A list of flows is a JSON list, also of none and of very many.
func TestFlowList(t *testing.T) {
	f := ct.Flow{Orig: ct.Tuple{Proto: 6, Src: netip.MustParseAddrPort("10.1.0.1:1000"), Dst: netip.MustParseAddrPort("203.0.113.10:80")}}
	for _, n := range []int{0, 1, 2, 5000} {
		var b bytes.Buffer
		l := NewFlowList(&b)
		for range n {
			if err := l.Add(&f, &ct.Owner{Service: "web"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.End(); err != nil {
			t.Fatal(err)
		}
		var all []struct{ Service string }
		if err := json.Unmarshal(b.Bytes(), &all); err != nil || len(all) != n || l.Len() != n || n > 0 && all[n-1].Service != "web" {
			t.Errorf("%d flows: %v, %d of them", n, err, len(all))
		}
	}
}

// What cannot be read is named as it was asked for.
func TestSelection(t *testing.T) {
	for want, asked := range map[string]Asked{
		"":                               {Zone: "office", RealServer: "[2001:db8::1]:80", Client: "10.1.0.0/16", Proto: "tcp", State: "established", Past: true, Laddr: "198.51.100.1"},
		`laddr: "x" is not`:              {Laddr: "x"},
		`real-server: "web" is not`:      {RealServer: "web"},
		"client: 10.1.0.1/16: ":          {Client: "10.1.0.1/16"},
		`proto: unknown protocol "http"`: {Proto: "http"},
	} {
		_, err := asked.Selection()
		if got := ""; err != nil {
			if got = err.Error(); want == "" || !strings.HasPrefix(got, want) {
				t.Errorf("%+v: %s, want %s", asked, got, want)
			}
		} else if want != "" {
			t.Errorf("%+v is read, want %s", asked, want)
		}
	}
	s, _ := (&Asked{Service: "wbe"}).Selection()
	if err := s.Known(ct.Bindings{Services: []ct.Service{{Name: "web"}}}); err == nil || !strings.Contains(err.Error(), `no service "wbe" (did you mean "web"?)`) {
		t.Errorf("an unknown service: %v", err)
	}
}
