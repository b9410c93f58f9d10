package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/policy/lint"
)

// TestFilesOfChecks holds what is said about files that health checks need.
func TestFilesOfChecks(t *testing.T) {
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "bin/dir"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "bin/run"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "bin/text"), []byte("no certificate"), 0o644))
	rules := []lint.Rule{{Code: "A10", Needs: lint.Needs{Facts: lint.Files}}}
	h, unread, err := host.Read(t.Context(), host.Ask{Rules: rules, Root: root, Files: []string{"/bin/run", "/bin/text", "/bin/dir", "/bin/none"}})
	if err != nil || len(unread) > 0 {
		t.Fatal(err, unread)
	}
	want := map[string]lint.File{"/bin/run": {Exists: true, Executable: true}, "/bin/text": {Exists: true}, "/bin/dir": {}, "/bin/none": {}}
	if diff := cmp.Diff(want, h.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestNamesOfChecks: a name that is in /etc/hosts exists; what no name server answers is not known.
func TestNamesOfChecks(t *testing.T) {
	rules := []lint.Rule{{Code: "A11", Needs: lint.Needs{Facts: lint.Names}}}
	h, _, err := host.Read(t.Context(), host.Ask{Rules: rules, Names: []string{"localhost"}})
	if err != nil || !h.Names["localhost"] {
		t.Errorf("localhost is %v, %v", h.Names, err)
	}
}
