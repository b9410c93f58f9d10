package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The disk is full at every moment at which an apply may want another file: the policy is in
// force all the same, and boot never applies an older one as if it were the last.
func TestHistoryFaults(t *testing.T) {
	const policy = "version: 1\ngateway: {forwarding: false, sysctls: false}\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.%d}\n"
	before, after := policyFile(t, fmt.Sprintf(policy, 1)), policyFile(t, fmt.Sprintf(policy, 2))
	g := startGateway(t, "")
	told, whole := 0, 0
	for room := range 8 {
		dir := t.TempDir()
		if err := syscall.Mount("none", dir, "tmpfs", 0, "nr_inodes=1000"); err != nil {
			t.Skipf("mount a small disk: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
		ours := func(args ...string) (int, string) {
			r := ctl(t, g, append(args, "--state-dir", filepath.Join(dir, "state"))...)
			return r.Code, r.Stdout + r.Stderr
		}
		ctl(t, g, "flush")
		if code, text := ours("apply", "-f", before); code != 0 {
			t.Fatalf("the first apply exits %d: %s", code, text)
		}
		var fs syscall.Statfs_t
		must(t, syscall.Statfs(dir, &fs))
		must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("nr_inodes=%d", fs.Files-fs.Ffree+uint64(room))))
		code, text := ours("apply", "-f", after)
		if code != 0 {
			t.Fatalf("with room for %d files apply exits %d: %s", room, code, text)
		}
		wantDiff(t, g, strings.TrimPrefix(fmt.Sprintf(policy, 2), "\n"), 0)
		warned := strings.Contains(text, "the history in")
		ctl(t, g, "flush")
		code, text = ours("boot")
		switch now := ctl(t, g, "diff", "-f", after).Code; {
		case code == 0 && now == 0 && !warned:
			whole++
		case code == 7 && now == 1 && warned && strings.Contains(text, "AN OLDER POLICY IS IN FORCE"):
			told++
		default:
			t.Errorf("with room for %d files apply warned: %v; boot exits %d, and diff to the last policy %d: %s", room, warned, code, now, text)
		}
		names, err := os.ReadDir(filepath.Join(dir, "state", "history", "snatctl"))
		must(t, err)
		for _, n := range names {
			if strings.HasPrefix(n.Name(), ".") {
				t.Errorf("with room for %d files %s is left over", room, n.Name())
			}
		}
	}
	if told == 0 || whole == 0 {
		t.Errorf("%d disks were too small and %d were not: this test shows nothing", told, whole)
	}
}
