package monitoring

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/agent/metrics"
)

const dashboardFile = "../../packaging/monitoring/snatctl.dashboard.json"

func dashboard(t *testing.T) Dashboard {
	t.Helper()
	d, err := ReadDashboard(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// All panels say what they show, lie beside each other, and ask for metrics that there are, of the gateways and
// services that are chosen.
func TestDashboard(t *testing.T) {
	d := dashboard(t)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Errorf("%q lies on %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d (%q) lacks a title, a description or a query", p.ID, p.Title)
		}
		for _, q := range p.Targets {
			known(t, p.Title, q.Expr)
			if strings.Count(q.Expr, "snatctl_") != strings.Count(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%q asks for more than the gateways that are chosen: %s", p.Title, q.Expr)
			}
		}
	}
	for _, v := range d.Templating.List {
		known(t, v.Name, v.Definition)
	}
}

// Every metric is looked at by a panel or an alert: one that nobody looks at is none, or a panel is missing.
func TestEveryMetricIsLookedAt(t *testing.T) {
	var all strings.Builder
	for _, p := range dashboard(t).Panels {
		for _, q := range p.Targets {
			all.WriteString(q.Expr + "\n")
		}
	}
	for _, a := range alerts(t) {
		all.WriteString(a.Expr + "\n")
	}
	for _, row := range metrics.Table() {
		if !strings.Contains(all.String(), row.Name) {
			t.Errorf("no panel and no alert looks at %s", row.Name)
		}
	}
}
