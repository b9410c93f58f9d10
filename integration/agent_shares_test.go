package integration

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// share is a service with keys that say who gets connections when real servers are down.
type share struct {
	name, proto, keys string
	run               func(t *testing.T, k *shared)
}

// shared is a share's service under an agent.
type shared struct {
	*site
	share
	agent *agentRun
	lamps []*lamp
	vip   string // with its port
}

func (k *shared) dark(t *testing.T, n int) time.Time {
	t.Helper()
	return k.lamps[n-1].dark(t, k.agent, k.name)
}

func (k *shared) light(t *testing.T, n int) time.Time {
	t.Helper()
	return k.lamps[n-1].light(t, k.agent, k.name)
}

// even waits until hosts get equal shares of new connections, and others none.
func (k *shared) even(t *testing.T, hosts ...string) {
	t.Helper()
	var got map[string]int
	eventually(t, fmt.Sprintf("%v to get the same", hosts), func() bool {
		got = k.asks(t, k.proto, k.vip, 6*len(hosts))
		for _, h := range hosts {
			if got[h] != 6 {
				return false
			}
		}
		return true
	})
}

var shares = []share{
	{"closed", "tcp", "quorum: 2, hysteresis: 1, on_empty: reject", func(t *testing.T, k *shared) {
		conns := holdAll(t, k.Office, k.proto, k.vip, 3, 1)
		refused := func(when string) {
			t.Helper()
			for range 5 {
				if got, err := k.Office.Ask(k.proto, "", k.vip); !errors.Is(err, nstest.ErrRefused) {
					t.Errorf("%s: a call finds %q, %v", when, got.Host, err)
				}
			}
		}
		k.dark(t, 1)
		k.even(t, "rs2", "rs3")
		k.dark(t, 2)
		refused("below the quorum")
		k.light(t, 1)
		refused("at the quorum, without the one more")
		k.light(t, 2)
		k.even(t, "rs1", "rs2", "rs3")
		allEcho(t, conns)
	}},
	{"sorry", "tcp", `quorum: 3, sorry_servers: ["192.168.1.3:8080"]`, func(t *testing.T, k *shared) {
		k.even(t, "rs1", "rs2", "rs3")
		k.dark(t, 1)
		if got := k.asks(t, k.proto, k.vip, 10); got["rs3"] != 10 {
			t.Errorf("below the quorum: %v", got)
		}
		conns := holdAll(t, k.Office, k.proto, k.vip, 1, 2)
		k.light(t, 1)
		k.even(t, "rs1", "rs2", "rs3")
		allEcho(t, conns)
	}},
	{"panic", "tcp", "panic: 50%", func(t *testing.T, k *shared) {
		k.dark(t, 1)
		k.even(t, "rs2", "rs3")
		k.dark(t, 2)
		k.even(t, "rs1", "rs2", "rs3")
		k.light(t, 2)
		k.even(t, "rs2", "rs3")
	}},
	{"slowly", "tcp", "slow_start: 3s", func(t *testing.T, k *shared) {
		k.dark(t, 1)
		c := startCallers(k.Office, 2, 5*time.Millisecond, k.proto, k.vip)
		defer c.end()
		up := k.light(t, 1)
		time.Sleep(4 * time.Second)
		c.end()
		early, failed, err := c.between(up, up.Add(time.Second))
		all := early["rs1"] + early["rs2"] + early["rs3"]
		t.Logf("in the first second: %v", early)
		if failed > 0 || early["rs1"] == 0 || early["rs1"]*5 > all { // a twelfth, then a sixth
			t.Errorf("it starts with %v, %d calls fail: %v", early, failed, err)
		}
		k.even(t, "rs1", "rs2", "rs3")
	}},
	{"ends", "tcp", "on_down: end", func(t *testing.T, k *shared) {
		conns := holdAll(t, k.Office, k.proto, k.vip, 3, 1)
		k.dark(t, 1)
		eventually(t, "the flows to end", func() bool {
			for _, line := range k.agent.logged("flows_ended") {
				if strings.Contains(line, " service=ends ") && strings.Contains(line, " flows=1 ") {
					return true
				}
			}
			return false
		})
		for _, c := range conns {
			if err := c.echoes(nstest.Patience); (err == nil) != (c.host != "rs1") {
				t.Errorf("the connection to %s: %v", c.host, err)
			}
		}
	}},
	{"keeps", "udp", "on_down: keep", func(t *testing.T, k *shared) {
		conns := holdAll(t, k.Office, k.proto, k.vip, 3, 1)
		k.dark(t, 1)
		k.even(t, "rs2", "rs3")
		for _, c := range conns {
			if a, err := nstest.AskOn(c.Conn); err != nil || a.Host != c.host {
				t.Errorf("the flow to %s is answered by %q, %v", c.host, a.Host, err)
			}
		}
	}},
	{"persists", "tcp", "persistence: 300s", func(t *testing.T, k *shared) {
		ask := func(n int) string {
			t.Helper()
			a, err := k.Office.Ask(k.proto, fmt.Sprintf("10.1.200.%d", n), k.vip)
			must(t, err)
			return a.Host
		}
		var first []string
		for n := range 9 {
			first = append(first, ask(n))
		}
		k.dark(t, 1)
		now := make([]string, len(first))
		for n, was := range first {
			if now[n] = ask(n); now[n] == "rs1" || was != "rs1" && now[n] != was {
				t.Errorf("client %d was with %s, and is with %s", n, was, now[n])
			}
		}
		k.light(t, 1)
		for n, was := range now {
			if got := ask(n); got != was {
				t.Errorf("client %d was with %s while rs1 was down, and is with %s", n, was, got)
			}
		}
	}},
}

// Who gets connections when real servers are down, with real packets, key by key.
func TestAgentShares(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	var p strings.Builder
	p.WriteString("version: 1\ngateway: {uplinks: [wan0, wan1]}\nservices:\n")
	all := make([]*shared, len(shares))
	for i, sh := range shares {
		all[i] = &shared{site: s, share: sh, lamps: s.lamps(t, 6000+i), vip: fmt.Sprintf("203.0.113.%d:80", i+1)}
		fmt.Fprintf(&p, "  - {name: %s, vip: 203.0.113.%d, ports: %s/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3], health_check: %s, %s}\n",
			sh.name, i+1, sh.proto, lampCheck(6000+i), sh.keys)
	}
	a := runAgent(t, s.Gateway, p.String())
	var wg sync.WaitGroup
	for _, k := range all {
		k.agent = a
		wg.Go(func() {
			t.Run(k.name, func(t *testing.T) {
				for _, l := range k.lamps {
					awaitHealth(t, k.Gateway, k.name, l.addr(), "up")
				}
				k.run(t, k)
			})
		})
	}
	wg.Wait()
}
