package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestAgentLog reads the log as the journal gets it: JSON behind priorities, and a flood of equal messages
// folded and counted, of which none is lost when the agent ends.
func TestAgentLog(t *testing.T) {
	h := startGateway(t, "")
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	info, err := w.Stat()
	must(t, err)
	stream := info.Sys().(*syscall.Stat_t)
	a := newAgent(t, h, checked, "--log-format", "json")
	a.env = []string{fmt.Sprintf("JOURNAL_STREAM=%d:%d", stream.Dev, stream.Ino)}
	a.to = w
	a.start(t)
	must(t, w.Close())
	const times = 10
	for range times {
		if got := ctl(t, h, "server", "weight", "5", "web", "192.168.1.1"); got.Code != 0 {
			t.Fatalf("server weight: %v", got)
		}
	}
	a.ends(t, syscall.SIGTERM, 0)

	events, said, lines := map[string]int{}, 0, 0
	for in := bufio.NewScanner(r); in.Scan(); {
		priority, text, _ := strings.Cut(in.Text(), ">")
		var e struct {
			Msg, Level, Service string
			Folded              int
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%v: %s", err, in.Text())
		}
		if want := map[string]string{"ERROR": "<3", "WARN": "<4", "INFO": "<6"}[e.Level]; priority != want {
			t.Errorf("%s has the priority %s, want %s: %s", e.Level, priority, want, in.Text())
		}
		events[e.Msg]++
		if e.Msg == "override_set" {
			lines, said = lines+1, said+max(e.Folded, 1)
		}
	}
	for _, event := range []string{"policy_applied", "agent_started", "agent_stopped"} {
		if events[event] != 1 {
			t.Errorf("the log says %s %d times: %v", event, events[event], events)
		}
	}
	if said != times || lines >= times {
		t.Errorf("%d equal orders are %d messages in %d lines", times, said, lines)
	}
	if got := run(t, h, program(t), "agent", "-f", a.file, "--log-format", "xml"); got.Code != 2 || !strings.Contains(got.Stderr, "text or json") {
		t.Errorf("an unknown format: %v", got)
	}
}

// TestAgentLogsExhaustion fills a pool, and the log names it with its laddr and the destination.
func TestAgentLogsExhaustion(t *testing.T) {
	s := startSite(t, "")
	a := runAgent(t, s.Gateway, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  few: {addresses: [198.51.100.1], ports: 40000-40003}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: few}
`)
	for range 4 {
		st, err := s.Office.OpenStream("", "8.8.8.8:53")
		must(t, err)
		defer st.Close()
	}
	eventually(t, "the pool to be told of", func() bool {
		if st, err := s.Office.OpenStream("", "8.8.8.8:53"); err == nil {
			st.Close()
		}
		return len(a.logged("pool_exhausted")) > 0
	})
	if line := a.logged("pool_exhausted")[0]; !strings.Contains(line, ` object="zone office" pool=few laddr=198.51.100.1 destination=8.8.8.8:53/tcp ports=4 capacity=4`) {
		t.Errorf("the log says %s", line)
	}
	if len(a.logged("connections_refused")) == 0 {
		t.Error("the log does not say how many were refused")
	}
}

// TestAgentStaleFiles changes files that the agent does not watch: until they are applied it says that they
// are not in force.
func TestAgentStaleFiles(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small, "--no-watch")
	stale := func(want bool) {
		t.Helper()
		eventually(t, fmt.Sprintf("files to be stale: %v", want), func() bool { p := a.snapshot(t).Policy; return p.Stale() == want })
	}
	stale(false)
	a.write(t, changed)
	stale(true)
	if r := run(t, h, program(t), "agent", "status"); !strings.Contains(r.Stdout, "\nfiles      changed at ") {
		t.Errorf("agent status says\n%s", r.Stdout)
	}
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Fatalf("apply exits %d: %s", r.Code, r.Stderr)
	}
	stale(false)
}
