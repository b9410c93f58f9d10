package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// TestHealthKeysChangeNothing: without an agent all real servers count as up, so the keys of
// health change neither the table nor what diff says.
func TestHealthKeysChangeNothing(t *testing.T) {
	t.Parallel()
	h := nstest.NewHost(t, "gw")
	const bare = `
version: 1
gateway: {table: health}
services:
  - {name: web, vip: [203.0.113.10, "2001:db8::10"], ports: tcp/80, scheduler: wlc, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: 3}, "fd05::1"]}
`
	checked := strings.Replace(bare, `"fd05::1"]`, `"fd05::1"], health_check: {type: http, path: /healthz}, quorum: 2, hysteresis: 1, sorry_servers: [192.168.1.9, "fd05::9"], slow_start: 30s, panic: 20%, on_down: end`, 1)
	apply(t, h, bare)
	wantDiff(t, h, checked, 0)
	apply(t, h, checked)
	wantDiff(t, h, bare, 0)
}
