package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/internal/soak"
)

// Another program writes rules all the time while the machine boots: the last good policy is
// applied all the same, and no older one.
func TestBootBesideAWriter(t *testing.T) {
	h := newSite(t, nstest.Options{}).Gateway
	dir := filepath.Join(t.TempDir(), "state")
	services := string(sample.Services(400, 4)) // large enough that a writer often comes between
	zone := func(laddr string) string {
		return services + "zones:\n  - {name: office, from: 10.1.0.0/16, laddrs: " + laddr + "}\n"
	}
	for _, laddr := range []string{"198.51.100.1", "198.51.100.2"} {
		apply(t, h, zone(laddr), "--state-dir", dir)
	}
	for i := range soak.Count(6, 200) {
		if r := ctl(t, h, "flush"); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		pause := fmt.Sprintf("%.3f", float64(i%8)*0.004) // up to 28 ms
		writer := exec.Command("sh", "-c", "while nft 'add table ip other; delete table ip other'; do sleep "+pause+"; done")
		writer.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		must(t, h.Do(writer.Start))
		r := ctl(t, h, "boot", "--state-dir", dir)
		must(t, syscall.Kill(-writer.Process.Pid, syscall.SIGKILL))
		_ = writer.Wait()
		if r.Code != 0 {
			t.Fatalf("boot exits %d: %s", r.Code, r.Stderr)
		}
		if r := snatctl(t, h, zone("198.51.100.2"), "diff"); r.Code != 0 {
			t.Fatalf("another policy is in force: %s%s", r.Stdout, r.Stderr)
		}
	}
}

// Whoever confirms is told when the history could not be written: boot would take the older
// policy.
func TestConfirmedAndNotWritten(t *testing.T) {
	h := newSite(t, nstest.Options{}).Gateway
	dir := filepath.Join(t.TempDir(), "state")
	p := begin(t, h, false, "version: 1\ngateway: {forwarding: false, sysctls: false}\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n", "60s", "--state-dir", dir)
	must(t, os.Rename(filepath.Join(dir, "history"), filepath.Join(dir, "gone")))
	r := ctl(t, h, "confirm")
	if r.Code != 4 || r.Stdout != "" {
		t.Errorf("confirm exits %d, says %q and %q", r.Code, r.Stdout, r.Stderr)
	}
	_ = p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("apply exits %d: %s", code, p.printed())
	}
}
