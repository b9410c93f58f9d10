package packages

import (
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inRoot is what the Debian root has beside Debian's essential packages.
const inRoot = "systemd,systemd-sysv,dbus,nftables,conntrack,iproute2,procps,rpm"

// need skips a test that `make test-packages` has not asked for, and fails one without its programs.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("SNATCTL_PACKAGES") == "" {
		t.Skip("takes minutes and root; make test-packages runs it")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%v: scripts/deps.sh packages installs what is missing", err)
		}
	}
}

// newRoot makes a directory with a Debian of its own, which goes away with the test.
func newRoot(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	kept := filepath.Join(cache, "snatctl-packages", fmt.Sprintf("bookworm-%08x", crc32.ChecksumIEEE([]byte(inRoot))))
	if _, err := os.Stat(kept); err != nil {
		must(t, os.MkdirAll(filepath.Dir(kept), 0o755))
		half, err := os.MkdirTemp(filepath.Dir(kept), "half-")
		must(t, err)
		defer os.RemoveAll(half)
		must(t, os.Chmod(half, 0o755))
		here(t, "debootstrap", "--variant=minbase", "--include="+inRoot, "bookworm", half, "http://deb.debian.org/debian")
		must(t, os.Rename(half, kept))
	}
	root := filepath.Join(t.TempDir(), "root")
	here(t, "cp", "-a", "--reflink=auto", kept, root)
	return root
}

// here runs a program on this machine and returns what it prints to standard output.
func here(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
