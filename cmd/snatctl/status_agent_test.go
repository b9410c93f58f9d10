package main

import (
	"os"
	"path/filepath"
	"testing"
)

// An agent is missed where systemd starts one: whoever wants it, and not where its unit only lies about.
func TestAgentEnabled(t *testing.T) {
	dir := t.TempDir()
	if agentEnabled(dir) {
		t.Error("it is enabled where nothing is")
	}
	wants := filepath.Join(dir, "multi-user.target.wants")
	for _, err := range []error{os.WriteFile(filepath.Join(dir, "snatctl-agent.service"), nil, 0o600), os.Mkdir(wants, 0o700),
		os.Symlink("/nowhere", filepath.Join(wants, "snatctl.service"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if agentEnabled(dir) {
		t.Error("it is enabled by its unit alone")
	}
	if err := os.Symlink("/lib/systemd/system/snatctl-agent.service", filepath.Join(wants, "snatctl-agent.service")); err != nil {
		t.Fatal(err)
	}
	if !agentEnabled(dir) {
		t.Error("it is not enabled though a target wants it")
	}
}
