package monitoring

import (
	"encoding/json"
	"os"
	"strings"
)

// Dashboard is what is looked at of a dashboard of Grafana.
type Dashboard struct {
	Panels      []Panel
	Annotations struct{ List []struct{ Expr string } }
	Templating  struct {
		List []struct{ Name, Definition string }
	}
}

// Panel is a rectangle of it: 24 columns wide.
type Panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr string }
}

// ReadDashboard reads one.
func ReadDashboard(path string) (d Dashboard, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	return d, err
}

// Query makes an expression of a dashboard one for Prometheus, as Grafana does: for all instances and services, with
// rates over some time ("10s").
func Query(expr, over string) string {
	return strings.NewReplacer("$__rate_interval", over, "$instance", ".*", "$service", ".*").Replace(expr)
}
