package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// draining is a policy of gw1 while gw2 and gw3 drain, and a host that has both as neighbours.
func draining(t *testing.T) (*policy.Policy, Facts) {
	t.Helper()
	p := &policy.Policy{Gateway: policy.DefaultGateway()}
	p.Nodes = []policy.Node{
		{Name: "gw1", RouterID: netip.MustParseAddr("172.16.0.1")},
		{Name: "gw2", RouterID: netip.MustParseAddr("172.16.0.2"), State: policy.NodeDrain},
		{Name: "gw3", Addresses: addrs("172.16.1.3", "2001:db8:16::3"), State: policy.NodeDrain},
	}
	p.Services = []policy.Service{{Name: "web", VIP: addrs("203.0.113.10", "2001:db8:a::10")}}
	here, d := p.At("gw1")
	if d != nil {
		t.Fatal(d)
	}
	return here, Facts{V6: true, Near: []Hop{{netip.MustParseAddr("172.16.0.2"), "core"}, {netip.MustParseAddr("172.16.1.3"), "core"}, {netip.MustParseAddr("2001:db8:16::3"), "core"}}}
}

func TestWantChance(t *testing.T) {
	p, f := draining(t)
	for _, c := range []struct{ node, plan, told string }{
		{"gw1", `+ default via 172.16.0.2 dev core onlink table 20099
+ unreachable default table 20099
+ rule 20000: fwmark 0xe5000000/0xff000000 lookup 20099
`, "+ 3 gw2: table 20099: default via 172.16.0.2 dev core onlink, unreachable default\n+ 3 gw2: ip rules to table 20099: 20000 fwmark 0xe5000000/0xff000000\n"},
		{"gw2", `+ default via 172.16.1.3 dev core onlink table 20099
+ unreachable default table 20099
+ ::/0 via 2001:db8:16::3 dev core onlink table 20099
+ unreachable ::/0 table 20099
+ rule 20000: fwmark 0xe5000000/0xff000000 lookup 20099
+ rule -6 20000: fwmark 0xe5000000/0xff000000 lookup 20099
`, "+ 3 gw3: table 20099: default via 172.16.1.3 dev core onlink, unreachable default, ::/0 via 2001:db8:16::3 dev core onlink, unreachable ::/0\n" +
			"+ 3 gw3: ip rules to table 20099: 20000 fwmark 0xe5000000/0xff000000, -6 20000 fwmark 0xe5000000/0xff000000\n"},
		{"gw3", "", ""},
	} {
		here, _ := p.At(c.node)
		want, err := Want(here, f)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		plan := Diff(State{}, want)
		for _, o := range plan {
			fmt.Fprintln(&got, o)
		}
		if got.String() != c.plan {
			t.Errorf("%s wants\n%s", c.node, &got)
		}
		if told := tellAll(plan, NamesOf(here)); told != c.told {
			t.Errorf("%s: it tells\n%s", c.node, told)
		}
	}
}

// Uplinks keep their tables, and the second chance takes one of those that are left.
func TestChanceBesideUplinks(t *testing.T) {
	p, f := draining(t)
	p.Gateway.RoutingTables = policy.Tables{First: 300, Last: 301}
	p.Gateway.Routed = []policy.Uplink{{Name: "isp1", Interface: "wan0"}}
	table := p.Gateway.TableOf(p.Gateway.Numbers()["isp1"])
	if other := p.Gateway.ChanceTable(); other == table || other < 300 || other > 301 {
		t.Errorf("the second chance has table %d, and isp1 %d", other, table)
	}
	p.Gateway.RoutingTables.Last = 300
	if _, err := Want(p, f); !errors.Is(err, ErrTables) || !strings.Contains(err.Error(), "routing_tables") {
		t.Errorf("without a table for it: %v", err)
	}
}

// A node that is no neighbour gets nothing, and what is for it goes nowhere else.
func TestChanceFar(t *testing.T) {
	p, f := draining(t)
	f.Near = nil
	want, err := Want(p, f)
	if !errors.Is(err, ErrFar) || !strings.Contains(err.Error(), "172.16.0.2") {
		t.Errorf("it says %v", err)
	}
	if len(want.Ways) != 1 || want.Ways[0].Interface != "" || len(want.Rules) != 1 {
		t.Errorf("it wants %v, %v", want.Ways, want.Rules)
	}
}

// Where VIPs are addresses of the host, packets to them end there before any rule is asked.
func TestChanceOfLocalVIPs(t *testing.T) {
	p, f := draining(t)
	p.Gateway.Addresses.Mode = policy.AddressesRoutes
	if want, err := Want(p, f); !errors.Is(err, ErrFar) || !strings.Contains(err.Error(), "gateway.addresses: routes") || len(want.Routes) == 0 {
		t.Errorf("it says %v, and wants %v", err, want.Routes)
	}
}
