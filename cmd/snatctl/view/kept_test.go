package view

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// While a service is closed all its weights in the table are 0. Status says what the policy or an operator
// wants, as text and as JSON: a server that is down is not one that drains.
func TestStatusWeightsOfClosed(t *testing.T) {
	addr := netip.MustParseAddr
	p := gateway.Survey{Report: ct.Report{Services: []ct.ServiceReport{{Name: "web", VIP: []string{"203.0.113.10"}, Ports: []string{"tcp/80"}, Mode: "nat",
		Servers: []ct.ServerReport{{Address: addr("192.168.1.1"), Port: 80, Down: true}, {Address: addr("192.168.1.2"), Port: 80}, {Address: addr("192.168.1.3"), Port: 80}}}}}}
	known := func(text string, admin int, out bool) agent.Server {
		return agent.Server{Address: netip.MustParseAddrPort(text), Weight: 5, Admin: admin, Health: "up", Out: out}
	}
	k := &report.Kept{Services: map[string]agent.Service{"web": {Name: "web", Closed: true,
		Servers: []agent.Server{known("192.168.1.1:0", 5, true), known("192.168.1.2:80", 4, false), known("192.168.1.3:80", 0, false)}}}}
	var text, record bytes.Buffer
	if err := Status(plain.NewWriter(&text, false), p, k, true); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(text.String()) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[0], "192.168.1.") {
			rows = append(rows, strings.Join(f[1:3], " "))
		}
	}
	if got := strings.Join(rows, ", "); got != "5 down, 4 -, 0 drains" && got != "5 down, 4 0%, 0 drains" {
		t.Errorf("weights are %q in\n%s", got, text.String())
	}
	if err := report.Status(&record, p, k); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Services []struct {
			Servers []struct{ Weight int } `json:"real_servers"`
		}
	}
	if err := json.Unmarshal(record.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if s := out.Services[0].Servers; s[0].Weight != 5 || s[1].Weight != 4 || s[2].Weight != 0 {
		t.Errorf("JSON says %+v", s)
	}
}

// How uplinks are is said with since when and why, and what is no problem is none: an operator wants it, or all
// is well. Without one that is up it is critical.
func TestUplinks(t *testing.T) {
	at := time.Now().Add(-time.Minute)
	down := agent.Uplink{Name: "isp1", Interface: "wan0", State: agent.UplinkDown, Since: at, Reason: "9.9.9.9: no answer in 1s", LastCheck: time.Now()}
	up := agent.Uplink{Name: "isp2", Interface: "wan1", State: agent.UplinkUp}
	drained := agent.Uplink{Name: "isp3", Interface: "wan2", State: agent.UplinkDrained, Override: &agent.Override{Kind: balance.Drain}}
	for want, all := range map[string][]agent.Uplink{
		"":                {up, drained},
		"warning isp1":    {down, up, drained},
		"critical isp1":   {down, drained},
		"critical isp1 2": {down, down},
	} {
		got := ""
		for _, p := range KnownProblems(&report.Kept{Agent: agent.Snapshot{Uplinks: all}}) {
			if got != "" {
				got += " 2"
				continue
			}
			got = map[ct.Severity]string{ct.Warning: "warning", ct.Critical: "critical"}[p.Severity] + " " + strings.TrimPrefix(p.Object, "uplink ")
		}
		if got != want {
			t.Errorf("%d uplinks: problems %q, want %q", len(all), got, want)
		}
	}
	var text bytes.Buffer
	k := &report.Kept{Agent: agent.Snapshot{Uplinks: []agent.Uplink{down, up, drained}}}
	if err := Status(plain.NewWriter(&text, false), gateway.Survey{}, k, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"uplink isp1 (wan0): down since " + when(at) + " (1m0s): 9.9.9.9: no answer in 1s; checked ", "uplink isp2 (wan1): up\n", "uplink isp3 (wan2): drained; drained\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, text.String())
		}
	}
	if got := Summary(k); got != "uplink isp1 down · uplink isp3 drained" {
		t.Errorf("in short: %q", got)
	}
}
