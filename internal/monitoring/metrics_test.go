package monitoring

import (
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/agent/metrics"
)

var ours = regexp.MustCompile(`snatctl_[a-z_]+`)

// known fails if an expression has a metric that the agent does not.
func known(t *testing.T, where, expr string) {
	t.Helper()
next:
	for _, name := range ours.FindAllString(expr, -1) {
		for _, row := range metrics.Table() {
			suffix, is := strings.CutPrefix(name, row.Name)
			if is && (suffix == "" || row.Kind == "histogram" && (suffix == "_bucket" || suffix == "_sum" || suffix == "_count")) {
				continue next
			}
		}
		t.Errorf("%s: the agent has no metric %s", where, name)
	}
}

func TestAlertsKnowMetrics(t *testing.T) {
	for _, a := range alerts(t) {
		known(t, a.Alert, a.Expr)
	}
}
