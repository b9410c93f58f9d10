package ct_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// Two policies clash where both take a connection, or translate a source.
func TestClashes(t *testing.T) {
	ports := func(s string) inet.ProtoPorts {
		p, err := inet.ParseProtoPorts(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	sources := func(s string) []inet.Range {
		r, err := inet.ParseRange(s)
		if err != nil {
			t.Fatal(err)
		}
		return []inet.Range{r}
	}
	service := func(name, vip, at string) ct.Service {
		return ct.Service{Name: name, Fronts: []ct.Front{{VIP: netip.MustParseAddr(vip), Ports: ports(at)}}}
	}
	ours := ct.Bindings{
		Services: []ct.Service{service("web", "203.0.113.1", "tcp/80"), service("mail", "203.0.113.2", "tcp/25"), service("any", "203.0.113.3", "udp/*")},
		Zones: []ct.Zone{{Name: "office", Action: "snat", Sources: sources("10.1.0.0/16")}, {Name: "lab", Action: "drop", Sources: sources("10.2.0.0/16")},
			{Name: "wan", Action: "masquerade", Sources: sources("10.3.0.0/16"), OIf: []string{"wan0"}}},
	}
	others := ct.Bindings{
		Services: []ct.Service{service("shop", "203.0.113.1", "tcp/80-89"), service("mail", "203.0.113.2", "udp/25"), service("dns", "203.0.113.3", "udp/53")},
		Zones: []ct.Zone{{Name: "floor", Action: "snat", Sources: sources("10.1.4.0/24")}, {Name: "lab", Action: "snat", Sources: sources("10.2.0.0/16")},
			{Name: "wan", Action: "snat", Sources: sources("10.3.0.0/16"), OIf: []string{"wan1"}}},
	}
	var got []string
	for _, c := range ct.Clashes(ours, others) {
		got = append(got, c.String())
	}
	want := []string{
		"service web and service shop of the other table both take 203.0.113.1 tcp/80",
		"service any and service dns of the other table both take 203.0.113.3 udp/*",
		"zone office and zone floor of the other table both translate sources 10.1.4.0/24",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the clashes are %q, want %q", got, want)
	}
}
