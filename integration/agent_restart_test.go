package integration

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// lit starts an agent that checks a site's lamps, and returns once all are up, with connections that clients
// keep and callers that go on.
func (s *site) lit(t *testing.T) ([]*lamp, *agentRun, []held, *callers) {
	t.Helper()
	lamps := s.lamps(t, 6000)
	a := runAgent(t, s.Gateway, lampPolicy())
	for _, l := range lamps {
		awaitHealth(t, s.Gateway, "web", l.addr(), "up")
	}
	conns := holdAll(t, s.Office, "tcp", "203.0.113.1:80", 3, 2)
	return lamps, a, conns, startCallers(s.Office, 2, 10*time.Millisecond, "tcp", "203.0.113.1:80")
}

// An agent is killed at any moment while real servers go down and come back. The table is whole: no call
// fails, then or while the next agent starts, and no connection is cut. A server that was down stays out: one
// that long was, and one about which the verdict came just before the kill.
func TestAgentKilledUnderHealth(t *testing.T) {
	t.Parallel()
	kills := soak.Count(8, 50)
	s := newSite(t, nstest.Options{})
	began := time.Now()
	lamps, a, conns, c := s.lit(t)
	defer c.end()
	long := lamps[0].dark(t, a, "web")
	for i := range kills {
		if i%2 == 0 {
			down := lamps[1].dark(t, a, "web")
			time.Sleep(time.Duration(i%4/2) * rand.N(500*time.Millisecond)) // at once, or while it is given new slots
			a.kill()
			time.Sleep(rand.N(100 * time.Millisecond))
			a.start(t)
			time.Sleep(500 * time.Millisecond)
			c.spared(t, "down just before the kill", down, time.Now(), "rs2")
			lamps[1].on(t)
			continue
		}
		time.Sleep(rand.N(time.Second)) // it may be up or not
		a.kill()
		if r := ctl(t, s.Gateway, "status", "--format", "json"); r.Code != 0 {
			t.Errorf("kill %d: status exits %d: %s", i, r.Code, r.Stderr)
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		a.start(t)
		awaitHealth(t, s.Gateway, "web", lamps[1].addr(), "up")
	}
	lamps[1].on(t)
	awaitHealth(t, s.Gateway, "web", lamps[1].addr(), "up")
	a.fits(t, lampPolicy())
	end := time.Now()
	lamps[0].light(t, a, "web")
	c.end()
	c.spared(t, "all the time", began, time.Now())
	c.spared(t, "down all the time", long, end, "rs1")
	allEcho(t, conns)
	hosts, _, _ := c.between(began, time.Now())
	t.Logf("killed %d times in %v: calls to %v", kills, end.Sub(began).Round(time.Millisecond), hosts)
}

// Verdicts hold while the newest policy is broken, and when it is mended; and while another program keeps
// changing the table, so that it is never as the agent knows it.
func TestAgentVerdictsUnderChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	began := time.Now()
	lamps, a, conns, c := s.lit(t)
	defer c.end()
	first := lamps[0].dark(t, a, "web")
	a.write(t, lampPolicy("  nonsense\n"))
	eventually(t, "the policy to be refused", func() bool { return a.snapshot(t).Policy.Error != "" })
	second := lamps[1].dark(t, a, "web")
	time.Sleep(300 * time.Millisecond)
	mended := lampPolicy("  - {name: more, vip: 203.0.113.2, ports: tcp/80, mode: nat, real_servers: [192.168.1.3]}\n")
	a.write(t, mended)
	a.fits(t, mended)
	s.asks(t, "tcp", "203.0.113.2:80", 3)
	c.spared(t, "broken and mended", first, time.Now(), "rs1")
	c.spared(t, "broken and mended", second, time.Now(), "rs2")
	lamps[1].light(t, a, "web")
	if n := a.snapshot(t).Drift.Found; n != 0 {
		t.Errorf("the agent found drift %d times", n)
	}

	writer := start(t, s.Gateway, nil, "sh", "-c", "while :; do nft flush chain inet snatctl zones; sleep 0.03; done")
	time.Sleep(500 * time.Millisecond)
	third := lamps[1].dark(t, a, "web")
	time.Sleep(500 * time.Millisecond)
	c.spared(t, "in a fight", first, time.Now(), "rs1")
	c.spared(t, "in a fight", third, time.Now(), "rs2")
	lamps[1].light(t, a, "web")
	eventually(t, "it to get calls again", func() bool {
		hosts, _, _ := c.between(time.Now().Add(-200*time.Millisecond), time.Now())
		return hosts["rs2"] > 0
	})
	writer.end(t, os.Kill)
	lamps[0].light(t, a, "web")
	a.fits(t, mended)
	c.end()
	c.spared(t, "all the time", began, time.Now())
	allEcho(t, conns)
	if len(a.logged("drift_found")) == 0 {
		t.Error("nobody noticed the other program")
	}
}
