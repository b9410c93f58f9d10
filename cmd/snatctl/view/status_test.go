package view

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/plain"
)

// TestStatusText prints made-up reports. The input of a case is the name of one, and --all.
func TestStatusText(t *testing.T) {
	golden.Run(t, "testdata/status/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		pictures := map[string]gateway.Survey{"site": sitePicture(), "many": manyPicture(), "empty": {}}
		name, flags, _ := strings.Cut(strings.TrimSpace(string(input[0].Data)), " ")
		p, known := pictures[name]
		if !known {
			t.Fatalf("there is no picture %q", name)
		}
		var text, checked bytes.Buffer
		if err := Status(plain.NewWriter(&text, false), p, nil, flags == "--all"); err != nil {
			t.Fatal(err)
		}
		Check(plain.NewWriter(&checked, false), p, nil)
		return []golden.File{{Name: "want.txt", Data: text.Bytes()}, {Name: "want-check.txt", Data: checked.Bytes()}}
	})
}

// sitePicture has one of everything: both modes and families, a drained server, one that is
// gone, laddrs at all degrees of use, and sizes from bytes to gigabytes.
func sitePicture() gateway.Survey {
	addr := netip.MustParseAddr
	at := func(s string, p inet.Proto) ct.Destination {
		return ct.Destination{To: netip.MustParseAddrPort(s), Proto: p}
	}
	return gateway.Survey{
		Report: ct.Report{
			Services: []ct.ServiceReport{
				{Name: "dns", VIP: []string{"203.0.113.10"}, Ports: []string{"udp/53", "tcp/53"}, Mode: "fullnat", Scheduler: "rr", Flows: 61, New: 4012,
					Servers: []ct.ServerReport{{Address: addr("192.168.1.3"), Port: 5353, Weight: 1, Flows: 61, New: 4012, BytesIn: 5124, BytesOut: 9881}},
					Laddrs:  []ct.LaddrReport{{Address: addr("192.168.2.250"), Pool: "inner", Flows: 61, Busiest: at("192.168.1.3:5353", inet.UDP), Ports: 61, Capacity: 64}}},
				{Name: "idle", VIP: []string{"203.0.113.11"}, Ports: []string{"tcp/8000-8099"}, Mode: "nat"},
				{Name: "large", VIP: []string{"203.0.113.12"}, Ports: []string{"tcp/80"}, Mode: "nat", Scheduler: "rr", Flows: 1, New: 1, Uncounted: true,
					Servers: []ct.ServerReport{{Address: addr("192.168.1.1"), Port: 80, Weight: 1, Flows: 1}}},
				{Name: "web", VIP: []string{"203.0.113.10", "2001:db8::10"}, Ports: []string{"tcp/80", "tcp/443"}, Mode: "nat", Scheduler: "wrr", Flows: 1203459, New: 4000001,
					Told:   &ct.Told{SYN: 12004, First: 12001, NoRoom: 3},
					Limits: []ct.Limit{{Key: "new_per_client", Bound: "50/second burst 100 /64", Action: "drop", Refused: 12004}, {Key: "connections", Bound: "2000000", Action: "drop"}},
					Servers: []ct.ServerReport{
						{Address: addr("192.168.1.1"), Weight: 3, Flows: 903456, New: 3000001, BytesIn: 90 << 30, BytesOut: 1<<40 + 5<<38},
						{Address: addr("192.168.1.2"), Port: 8080, Weight: 1, Flows: 300000, New: 1000000, BytesIn: 512, BytesOut: 3 << 20},
						{Address: addr("192.168.1.4"), Weight: 0, Flows: 1},
						{Address: addr("192.168.1.5"), Weight: 3, Down: true, Flows: 2},
						{Address: addr("2001:db8:1::2"), Port: 8080, Weight: 1}},
					Gone: []ct.ServerReport{{Address: addr("192.168.1.7"), Port: 80, Weight: -1, Flows: 2, BytesIn: 100, BytesOut: 1000}}},
			},
			Zones: []ct.ZoneReport{
				{Name: "lab", Action: "drop", New: 17, Limits: []ct.Limit{{Key: "connections_per_client", Bound: "20", Action: "reject", Refused: 3}}},
				{Name: "office", Action: "snat", Flows: 52001, New: 700000, Laddrs: []ct.LaddrReport{
					{Address: addr("198.51.100.1"), Pool: "office", Flows: 52000, Busiest: at("8.8.8.8:443", inet.TCP), Ports: 51700, Capacity: 64512},
					{Address: addr("198.51.100.2"), Pool: "office", Capacity: 64512},
					{Address: addr("2001:db8:99::1"), Pool: "office", Flows: 1, Busiest: ct.Destination{To: netip.MustParseAddrPort("[2001:db8:8::8]:0"), Proto: 89}, Ports: 1}}},
			},
			Conntrack: ct.Conntrack{Entries: 1255600, Max: 2097152, InsertFailed: 1204},
			Totals:    ct.Totals{Entries: 1255600, Owned: 1255519, Past: 2, Nobodys: 79},
		},
		Stats:     ctlink.Stats{InsertFailed: 1204, Drop: 31},
		Uncounted: true,
	}
}

// manyPicture has more services and zones than are listed, a flow in one of each.
func manyPicture() gateway.Survey {
	var p gateway.Survey
	for i := range mostIdle + 1 {
		p.Services = append(p.Services, ct.ServiceReport{Name: fmt.Sprintf("s%03d", i), VIP: []string{"203.0.113.10"}, Ports: []string{fmt.Sprintf("tcp/%d", i+1)}, Mode: "nat", Scheduler: "rr",
			Servers: []ct.ServerReport{{Address: netip.MustParseAddr("192.168.1.1"), Weight: 1}}})
		p.Zones = append(p.Zones, ct.ZoneReport{Name: fmt.Sprintf("z%03d", i), Action: "accept"})
	}
	for i := range mostIdle + 5 {
		p.Zones[9].Laddrs = append(p.Zones[9].Laddrs, ct.LaddrReport{Address: netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}), Flows: 1, Ports: i * 7 % 41, Capacity: 64,
			Busiest: ct.Destination{To: netip.MustParseAddrPort("8.8.8.8:53"), Proto: inet.UDP}})
	}
	p.Services[7].Flows, p.Services[7].Servers[0].Flows, p.Zones[9].Flows = 1, 1, 1
	return p
}

// With as many as are listed at most, all are; --all lists all of more.
func TestStatusAll(t *testing.T) {
	few := manyPicture()
	few.Services, few.Zones = few.Services[:mostIdle], few.Zones[:mostIdle]
	for _, c := range []struct {
		p    gateway.Survey
		all  bool
		want int
	}{{few, false, mostIdle}, {manyPicture(), false, 1}, {manyPicture(), true, mostIdle + 1}} {
		var b bytes.Buffer
		if err := Status(plain.NewWriter(&b, false), c.p, nil, c.all); err != nil {
			t.Fatal(err)
		}
		if s, z := strings.Count(b.String(), "\nservice ")+1, strings.Count(b.String(), "\nzone "); s != c.want || z != c.want {
			t.Errorf("%d services and %d zones are listed, want %d", s, z, c.want)
		}
	}
}

// Colours stand at what is wrong, and only where they reach somebody.
func TestStatusColours(t *testing.T) {
	var with, without bytes.Buffer
	if err := errors.Join(Status(plain.NewWriter(&with, true), sitePicture(), nil, false), Status(plain.NewWriter(&without, false), sitePicture(), nil, false)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\x1b[33mwarning: service idle: has no real servers\x1b[0m\n", "  \x1b[33m", "\n\x1b[31mcritical: service dns"} {
		if !strings.Contains(with.String(), want) {
			t.Errorf("%q is missing in\n%q", want, &with)
		}
	}
	if bare := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(with.String(), ""); bare != without.String() {
		t.Errorf("without colours it is\n%q\nwant\n%q", &without, bare)
	}
}
