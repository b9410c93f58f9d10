package integration

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// An agent that is killed at any moment, under a policy and a health that change, leaves a whole table.
// Started again it adopts that and goes on, and no connection notices anything.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	kills := soak.Count(8, 50)
	s := newSite(t, nstest.Options{})
	policy := func(weight int) string {
		return fmt.Sprintf(`
version: 1
gateway: {uplinks: [wan0, wan1]}
health_checks:
  quick: {type: tcp, port: 80, interval: 100ms, timeout: 80ms, rise: 1, fall: 1}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/7, mode: nat, scheduler: wrr, health_check: quick, real_servers: [{address: 192.168.1.1, weight: %d}, 192.168.1.2, 192.168.1.3]}
`, weight)
	}
	must(t, s.RS[0].ServeTCP(":7"))
	must(t, s.RS[1].ServeTCP(":7"))
	must(t, s.RS[2].ServeTCP(":7"))
	a := runAgent(t, s.Gateway, policy(1))
	var streams []*nstest.Stream
	for range 6 {
		st, err := s.Office.OpenStream("", "203.0.113.1:7")
		must(t, err)
		t.Cleanup(func() { st.Close() })
		streams = append(streams, st)
	}
	for i := range kills {
		a.write(t, policy(2+i%2))
		if i%3 == 0 {
			dies(t, s.RS[i/3%3], "reject with tcp reset")
		}
		time.Sleep(time.Duration(rand.N(500)) * time.Millisecond) // it applies after 200 ms, and reshapes 300 ms after a verdict
		a.kill()
		for range 6 { // whatever stands, a call is answered
			if _, err := s.Office.Ask("tcp", "", "203.0.113.1:7"); err != nil {
				t.Fatalf("kill %d leaves a table by which a call fails: %v\n%s", i, err, exact(t, s.Gateway))
			}
		}
		a.start(t)
		a.fits(t, policy(2+i%2))
		if i%3 == 0 {
			down := fmt.Sprintf("192.168.1.%d", i/3%3+1)
			awaitHealth(t, s.Gateway, "web", down, "down")
			eventually(t, "it to get no calls", func() bool { return s.asks(t, "tcp", "203.0.113.1:7", 12)[s.RS[i/3%3].Name] == 0 })
		}
		if i%3 == 2 {
			rises(t, s.RS[i/3%3])
			awaitHealth(t, s.Gateway, "web", fmt.Sprintf("192.168.1.%d", i/3%3+1), "up")
		}
	}
	for i, st := range streams {
		must(t, st.Alive())
		if st.Bytes() == 0 {
			t.Errorf("stream %d carried nothing", i)
		}
	}
	if found := a.snapshot(t).Drift.Found; found != 0 {
		t.Errorf("it found %d drifts, where nobody changed the table", found)
	}
	t.Logf("killed %d times", kills)
}
