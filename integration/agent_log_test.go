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
