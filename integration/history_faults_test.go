package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// The disk is full at every moment at which an apply may want another file, or another page for one: the
// policy is in force all the same, and boot never applies an older one as if it were the last.
func TestHistoryFaults(t *testing.T) {
	g := startGateway(t, "")
	f := &smallDisk{t: t, g: g}
	for room := range 8 {
		f.try(fmt.Sprintf("room for %d files", room), "nr_inodes=%d", func(fs syscall.Statfs_t) uint64 { return fs.Files - fs.Ffree + uint64(room) })
	}
	// Of a policy of five pages, and what stands beside it.
	pages, step := 16, 3
	if soak.Long() {
		pages, step = 40, 1
	}
	f.padding = strings.Repeat("# "+strings.Repeat("x", 78)+"\n", 256)
	for room := 0; room < pages; room += step {
		f.try(fmt.Sprintf("room for %d pages", room), "size=%d", func(fs syscall.Statfs_t) uint64 { return (fs.Blocks - fs.Bfree + uint64(room)) * uint64(fs.Bsize) })
	}
	if f.told == 0 || f.whole == 0 {
		t.Errorf("%d disks were too small and %d were not: this test shows nothing", f.told, f.whole)
	}
}

// smallDisk applies policies with a history on a disk that becomes full.
type smallDisk struct {
	t           *testing.T
	g           *nstest.Host
	padding     string // makes the policy's file longer
	told, whole int    // applies that could not keep an entry, and that could
}

// try applies a policy with a history on a disk that an option of mount(8) leaves some room on, and boots.
func (f *smallDisk) try(what, option string, room func(syscall.Statfs_t) uint64) {
	t := f.t
	t.Helper()
	const policy = "version: 1\ngateway: {forwarding: false, sysctls: false}\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.%d}\n"
	before, after := policyFile(t, fmt.Sprintf(policy, 1)), policyFile(t, fmt.Sprintf(policy, 2)+f.padding)
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "nr_inodes=1000,size=1m"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	ours := func(args ...string) (int, string) {
		r := ctl(t, f.g, append(args, "--state-dir", filepath.Join(dir, "state"))...)
		return r.Code, r.Stdout + r.Stderr
	}
	ctl(t, f.g, "flush")
	if code, text := ours("apply", "-f", before); code != 0 {
		t.Fatalf("the first apply exits %d: %s", code, text)
	}
	var fs syscall.Statfs_t
	must(t, syscall.Statfs(dir, &fs))
	must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf(option, room(fs))))
	code, text := ours("apply", "-f", after)
	if code != 0 {
		t.Fatalf("with %s apply exits %d: %s", what, code, text)
	}
	wantDiff(t, f.g, fmt.Sprintf(policy, 2)+f.padding, 0)
	warned := strings.Contains(text, "the history in")
	ctl(t, f.g, "flush")
	code, text = ours("boot")
	switch now := ctl(t, f.g, "diff", "-f", after).Code; {
	case code == 0 && now == 0 && !warned:
		f.whole++
	case code == 7 && now == 1 && warned && strings.Contains(text, "AN OLDER POLICY IS IN FORCE"):
		f.told++
	default:
		t.Errorf("with %s apply warned: %v; boot exits %d, and diff to the last policy %d: %s", what, warned, code, now, text)
	}
	names, err := os.ReadDir(filepath.Join(dir, "state", "history", "snatctl"))
	must(t, err)
	for _, n := range names {
		if strings.HasPrefix(n.Name(), ".") {
			t.Errorf("with %s %s is left over", what, n.Name())
		}
	}
}
