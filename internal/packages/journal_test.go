package packages

import (
	"encoding/json"
	"strings"
	"testing"
)

// What the agent logs reaches the real journal with priorities, a line an event, and without their marks: so
// that `journalctl -p err` finds what is wrong.
func TestAgentJournal(t *testing.T) {
	need(t, "debootstrap", "systemd-nspawn", "nsenter")
	m := boot(t, newRoot(t))
	m.install(build(t, newer).deb)
	m.write("/etc/snatctl/policy.yaml", policy)
	m.run("systemctl", "enable", "--now", "snatctl-agent")
	m.write("/etc/snatctl/policy.yaml", "version: 1\nnonsense: 1\n")
	entries := func(args ...string) map[string]string {
		priorities := map[string]string{}
		out := m.run(append([]string{"journalctl", "--no-pager", "-o", "json", "_SYSTEMD_UNIT=snatctl-agent.service"}, args...)...)
		for line := range strings.Lines(out) {
			var e struct {
				Priority string `json:"PRIORITY"`
				Message  string `json:"MESSAGE"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			_, event, _ := strings.Cut(e.Message, "msg=")
			event, _, _ = strings.Cut(event, " ")
			if priorities[event] = e.Priority; strings.HasPrefix(e.Message, "<") || strings.Contains(e.Message, "time=") {
				t.Errorf("the journal has %q", e.Message)
			}
		}
		return priorities
	}
	m.await("the policy is refused", func() bool { return entries()["policy_refused"] != "" })
	got := entries()
	for event, want := range map[string]string{"policy_applied": "6", "agent_started": "6", "policy_finding": "3", "policy_refused": "3"} {
		if got[event] != want {
			t.Errorf("%s has the priority %q, want %s: %v", event, got[event], want, got)
		}
	}
	if bad := entries("-p", "err"); bad["policy_refused"] == "" || bad["policy_applied"] != "" {
		t.Errorf("journalctl -p err shows %v", bad)
	}
}
