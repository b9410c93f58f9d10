package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// checked is a policy with services whose real servers are checked five times a second.
const checked = `
version: 1
gateway: {uplinks: [wan0, wan1]}
health_checks:
  quick: {type: tcp, interval: 200ms, timeout: 150ms, rise: 1, fall: 2}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, health_check: quick, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: talk, vip: 203.0.113.2, ports: udp/53, mode: fullnat, laddrs: 192.168.2.9, health_check: {type: tcp, port: 80, interval: 200ms, timeout: 150ms, rise: 1, fall: 2}, real_servers: [192.168.1.2, 192.168.1.3]}
  - {name: pair, vip: 203.0.113.3, ports: tcp/443, mode: nat, health_check: {type: tcp, port: 80, interval: 200ms, timeout: 150ms, rise: 1, fall: 2}, quorum: 2, real_servers: [192.168.1.1, 192.168.1.2], sorry_servers: ["192.168.1.3:8080"]}
`

// dies makes a real server refuse new connections to port 80, or drop them; rises takes that back.
func dies(t testing.TB, rs *nstest.Host, how string) {
	t.Helper()
	nft(t, rs, "table inet dead { chain in { type filter hook input priority 0; tcp dport 80 tcp flags & (syn | ack) == syn "+how+"; }; }")
}

func rises(t testing.TB, rs *nstest.Host) {
	t.Helper()
	nft(t, rs, "delete table inet dead")
}

// serverStatus is what status tells of a real server.
type serverStatus struct {
	Address    string  `json:"address"`
	Weight     int     `json:"weight"`
	Health     *string `json:"health"`
	LastCheck  *string `json:"last_check"`
	LastChange *string `json:"last_change"`
	CheckError *string `json:"check_error"`
	Override   *struct {
		Kind  string     `json:"kind"`
		Until *time.Time `json:"until"`
	} `json:"override"`
}

// kept is the report of status.
type keptStatus struct {
	Services []struct {
		Name   string `json:"name"`
		Quorum *struct {
			Need, Up int
			Met      bool
		} `json:"quorum"`
		Sorry   *bool          `json:"sorry"`
		Servers []serverStatus `json:"real_servers"`
	} `json:"services"`
	Agent *struct {
		Hash    string  `json:"policy_hash"`
		At      string  `json:"applied_at"`
		Repairs int     `json:"drift_repairs"`
		Error   *string `json:"policy_error"`
	} `json:"agent"`
}

func statusOf(t testing.TB, h *nstest.Host) (s keptStatus) {
	t.Helper()
	must(t, json.Unmarshal([]byte(prints(t, h, "status", "--format", "json")), &s))
	return s
}

// health waits until status says of a real server of a service that it is so.
func awaitHealth(t *testing.T, h *nstest.Host, service, server, health string) (found serverStatus) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %s to be %s", server, service, health), func() bool {
		for _, s := range statusOf(t, h).Services {
			for _, rs := range s.Servers {
				if s.Name == service && rs.Address == server && rs.Health != nil && *rs.Health == health {
					found = rs
					return true
				}
			}
		}
		return false
	})
	return found
}

// asks calls a VIP n times, and returns how many calls each host answered; none may fail.
func (s *site) asks(t testing.TB, network, vip string, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		a, err := s.Office.Ask(network, "", vip)
		if err != nil {
			t.Fatalf("a call of %d to %s fails: %v", n, vip, err)
		}
		got[a.Host]++
	}
	return got
}

// A real server that dies gets no new connection after the verdict, and no call fails; connections that
// live stay. It comes back, and gets its share again.
func TestAgentHealth(t *testing.T) {
	for how, why := range map[string]string{"reject with tcp reset": "connection refused", "drop": "no answer in 150ms"} {
		t.Run(strings.Fields(how)[0], func(t *testing.T) {
			s := startSite(t, "")
			h := s.Gateway
			a := runAgent(t, h, checked)
			for _, rs := range []string{"192.168.1.1", "192.168.1.2", "192.168.1.3"} {
				awaitHealth(t, h, "web", rs, "up")
			}
			var streams []*nstest.Stream
			for range 6 {
				st, err := s.Office.OpenStream("", "203.0.113.1:80")
				must(t, err)
				defer st.Close()
				streams = append(streams, st)
			}
			talks := s.asks(t, "udp", "203.0.113.2:53", 10)
			if talks["rs2"] == 0 {
				t.Fatalf("before: %v", talks)
			}
			dies(t, s.RS[1], how)
			down := awaitHealth(t, h, "web", "192.168.1.2", "down")
			if down.CheckError == nil || *down.CheckError != why || down.LastChange == nil || down.LastCheck == nil {
				t.Errorf("it is down as %+v", down)
			}
			if got := s.asks(t, "tcp", "203.0.113.1:80", 40); got["rs2"] != 0 {
				t.Errorf("calls go to %v", got)
			}
			eventually(t, "the turns to be even", func() bool {
				got := s.asks(t, "tcp", "203.0.113.1:80", 20)
				return got["rs1"] == 10 && got["rs3"] == 10
			})
			awaitHealth(t, h, "talk", "192.168.1.2", "down")
			if got := s.asks(t, "udp", "203.0.113.2:53", 20); got["rs2"] != 0 {
				t.Errorf("datagrams go to %v", got)
			}
			eventually(t, "the flows of UDP to end", func() bool { return len(a.logged("flows_ended")) > 0 })
			text := prints(t, h, "status")
			if !strings.Contains(text, "down: service web, real server 192.168.1.2: down since ") || !strings.Contains(text, "): "+why+"\n") {
				t.Errorf("status does not say it:\n%s", text)
			}
			if r := ctl(t, h, "flows"); !strings.Contains(r.Stderr, "by the agent: service web, real server 192.168.1.2: down since ") {
				t.Errorf("flows does not say it:\n%s", r.Stderr)
			}
			if r := ctl(t, h, "diff", "-f", a.file); r.Code != 0 || !strings.Contains(r.Stdout, "by the agent: service web, real server 192.168.1.2: down since ") {
				t.Errorf("diff exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
			if r := ctl(t, h, "status", "--check", "--state-dir", a.state); r.Code != 2 || !strings.Contains(r.Stdout, "service pair: its sorry servers take the new connections") {
				t.Errorf("status --check exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
			rises(t, s.RS[1])
			awaitHealth(t, h, "web", "192.168.1.2", "up")
			eventually(t, "the turns to be even", func() bool {
				got := s.asks(t, "tcp", "203.0.113.1:80", 30)
				return got["rs1"] == 10 && got["rs2"] == 10 && got["rs3"] == 10
			})
			for _, st := range streams {
				must(t, st.Alive())
			}
			eventually(t, "the table to be the policy's again", func() bool { return snatctl(t, h, checked, "diff").Code == 0 })
			for _, event := range []string{"server_down", "server_up", "quorum_lost", "quorum_met"} {
				if len(a.logged(event)) == 0 {
					t.Errorf("no %s is logged", event)
				}
			}
			if drift := a.snapshot(t).Drift; drift.Found != 0 {
				t.Errorf("it took its own changes for drift: %+v", drift)
			}
		})
	}
}

// Below the quorum the sorry servers take over, and give back what they took.
func TestAgentSorry(t *testing.T) {
	s := startSite(t, "")
	runAgent(t, s.Gateway, checked)
	awaitHealth(t, s.Gateway, "pair", "192.168.1.1", "up")
	if got := s.asks(t, "tcp", "203.0.113.3:443", 10); got["rs3"] != 0 {
		t.Errorf("all up: %v", got)
	}
	dies(t, s.RS[0], "drop")
	awaitHealth(t, s.Gateway, "pair", "192.168.1.1", "down")
	if got := s.asks(t, "tcp", "203.0.113.3:443", 10); got["rs3"] != 10 {
		t.Errorf("below the quorum: %v", got)
	}
	for _, service := range statusOf(t, s.Gateway).Services {
		if service.Name == "pair" && (service.Quorum == nil || service.Quorum.Met || service.Quorum.Need != 2 || service.Quorum.Up != 1 || service.Sorry == nil || !*service.Sorry) {
			t.Errorf("status says %+v", service)
		}
	}
	rises(t, s.RS[0])
	awaitHealth(t, s.Gateway, "pair", "192.168.1.1", "up")
	eventually(t, "the turns to be even", func() bool { got := s.asks(t, "tcp", "203.0.113.3:443", 10); return got["rs1"] == 5 && got["rs2"] == 5 })
}

// Without an agent status says null.
func TestStatusWithoutAgent(t *testing.T) {
	h := startGateway(t, checked)
	s := statusOf(t, h)
	if s.Agent != nil || s.Services[0].Quorum != nil || s.Services[0].Sorry != nil || s.Services[0].Servers[0].Health != nil || s.Services[0].Servers[0].Override != nil {
		t.Errorf("status says %+v", s)
	}
	text := prints(t, h, "status", "--format", "json")
	for _, key := range []string{`"health"`, `"last_check"`, `"last_change"`, `"check_error"`, `"override"`, `"quorum"`, `"sorry"`, `"agent"`} {
		if strings.Count(text, key+": null")+strings.Count(text, key+":null") == 0 {
			t.Errorf("there is no %s that is null:\n%s", key, text)
		}
	}
}

// What an operator says of a real server holds over a restart of the agent, until its time is up or it
// is taken back.
func TestAgentOverrides(t *testing.T) {
	s := startSite(t, "")
	h := s.Gateway
	a := runAgent(t, h, checked)
	awaitHealth(t, h, "web", "192.168.1.3", "up")
	order := func(args ...string) nstest.Result { return ctl(t, h, append([]string{"server"}, args...)...) }
	if r := order("drain", "web", "192.168.1.1"); r.Code != 0 || !strings.HasPrefix(r.Stdout, "service web, real server 192.168.1.1: drained; health up since ") {
		t.Errorf("drain exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := order("weight", "3", "web", "192.168.1.2:80", "--for", "1h"); r.Code != 0 {
		t.Errorf("weight exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	split := func(want map[string]int) {
		t.Helper()
		n := 0
		for _, c := range want {
			n += c
		}
		var got map[string]int
		eventually(t, fmt.Sprintf("calls to go to %v", want), func() bool {
			got = s.asks(t, "tcp", "203.0.113.1:80", n)
			return fmt.Sprint(got) == fmt.Sprint(want)
		})
	}
	split(map[string]int{"rs2": 6, "rs3": 2})
	before := list(t, h)
	a.kill()
	a.start(t)
	if after := list(t, h); after != before {
		t.Errorf("it was\n%s\nand after a restart\n%s", before, after)
	}
	split(map[string]int{"rs2": 6, "rs3": 2})
	found := awaitHealth(t, h, "web", "192.168.1.2", "up")
	if found.Override == nil || found.Override.Kind != "weight" || found.Override.Until == nil || time.Until(*found.Override.Until) < 58*time.Minute {
		t.Errorf("status says %+v", found)
	}
	if text := prints(t, h, "status"); !strings.Contains(text, "; weight 3 by hand until ") || !strings.Contains(text, "; drained\n") {
		t.Errorf("status does not say it:\n%s", text)
	}
	if r := order("reset", "web", "192.168.1.1"); r.Code != 0 {
		t.Errorf("reset exits %d: %s", r.Code, r.Stderr)
	}
	if r := order("down", "web", "192.168.1.2", "--for", "2s"); r.Code != 0 {
		t.Errorf("down exits %d: %s", r.Code, r.Stderr)
	}
	split(map[string]int{"rs1": 2, "rs3": 2})
	eventually(t, "the override to end", func() bool { return len(a.logged("override_ended")) == 1 })
	split(map[string]int{"rs1": 3, "rs2": 3, "rs3": 3})
	for _, args := range [][]string{{"drain", "no", "192.168.1.1"}, {"drain", "web", "192.168.1.9"}, {"drain", "web", "192.168.1.1:81"}} {
		if r := order(args...); r.Code != 1 || !strings.Contains(r.Stderr, "nothing was changed") {
			t.Errorf("%v exits %d: %s", args, r.Code, r.Stderr)
		}
	}
	for _, args := range [][]string{{"drain", "web"}, {"weight", "-1", "web", "192.168.1.1"}, {"down", "web", "host"}} {
		if r := order(args...); r.Code != 2 {
			t.Errorf("%v exits %d: %s", args, r.Code, r.Stderr)
		}
	}
	a.kill()
	if r := order("drain", "web", "192.168.1.1"); r.Code != 1 || !strings.Contains(r.Stderr, "no agent holds table inet snatctl") {
		t.Errorf("without an agent it exits %d: %s", r.Code, r.Stderr)
	}
}

// A real server that was down when the agent ended stays out when it starts again, until a check
// succeeds.
func TestAgentStartsWithDown(t *testing.T) {
	s := startSite(t, "")
	h := s.Gateway
	a := runAgent(t, h, checked)
	awaitHealth(t, h, "web", "192.168.1.2", "up")
	dies(t, s.RS[1], "drop")
	awaitHealth(t, h, "web", "192.168.1.2", "down")
	eventually(t, "the table to settle", func() bool { return snatctl(t, h, checked, "diff").Code == 0 })
	time.Sleep(time.Second)
	a.kill()
	before := list(t, h)
	if !strings.Contains(prints(t, h, "status"), "1 down") {
		t.Errorf("without an agent status does not say it:\n%s", prints(t, h, "status"))
	}
	if r := ctl(t, h, "status", "--check", "--state-dir", a.state); strings.Contains(r.Stdout, "is not what was applied") {
		t.Errorf("what an agent has left is wrong: %s", r.Stdout)
	}
	slow := strings.ReplaceAll(checked, "interval: 200ms", "interval: 1h")
	a.write(t, slow) // no check comes
	a.start(t)
	if got := s.asks(t, "tcp", "203.0.113.1:80", 20); got["rs2"] != 0 {
		t.Errorf("not checked yet, it gets calls: %v", got)
	}
	if after := list(t, h); after != before {
		t.Errorf("it was\n%s\nand after a restart\n%s", before, after)
	}
	rises(t, s.RS[1])
	a.write(t, checked)
	awaitHealth(t, h, "web", "192.168.1.2", "up")
	eventually(t, "it to get its share", func() bool { return s.asks(t, "tcp", "203.0.113.1:80", 30)["rs2"] == 10 })
}
