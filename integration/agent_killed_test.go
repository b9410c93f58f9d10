package integration

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// An agent that is killed at any moment, under a policy that changes, leaves a whole table: that of
// one policy or the other. Started again it goes on, and no connection notices anything.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	kills := soak.Count(8, 50)
	s := newSite(t, nstest.Options{})
	policy := func(weight int) string {
		return fmt.Sprintf(`
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/7, mode: nat, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: %d}, 192.168.1.2, 192.168.1.3]}
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
		time.Sleep(time.Duration(150+rand.N(200)) * time.Millisecond) // it applies after 200 ms
		a.kill()
		fits := false
		for _, w := range []int{1, 2, 3} {
			fits = fits || snatctl(t, s.Gateway, policy(w), "diff").Code == 0
		}
		if !fits {
			t.Fatalf("kill %d leaves\n%s", i, exact(t, s.Gateway))
		}
		a.start(t)
		a.fits(t, policy(2+i%2))
	}
	for i, st := range streams {
		must(t, st.Alive())
		if st.Bytes() == 0 {
			t.Errorf("stream %d carried nothing", i)
		}
	}
	t.Logf("killed %d times", kills)
}
