package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Require skips a test where network namespaces cannot be created, saying why. With
// SNATCTL_REQUIRE_NETNS=1 the test fails instead, so that CI cannot pass without them.
func Require(t testing.TB) {
	t.Helper()
	err := available()
	switch {
	case err == nil:
	case os.Getenv("SNATCTL_REQUIRE_NETNS") == "1":
		t.Fatalf("SNATCTL_REQUIRE_NETNS=1, but network namespaces cannot be created: %v", err)
	default:
		t.Skipf("needs network namespaces (run as root or under `unshare -rn`): %v", err)
	}
}

func available() error {
	h, err := newHost("probe")
	if err != nil {
		return err
	}
	h.close()
	return nil
}

// Needs skips a test where a program is missing, or fails it where SNATCTL_REQUIRE_NETNS says that all has
// to be there.
func Needs(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		_, err := exec.LookPath(p)
		switch {
		case err == nil:
		case os.Getenv("SNATCTL_REQUIRE_NETNS") == "1":
			t.Fatalf("%s is missing: scripts/deps.sh test installs it", p)
		default:
			t.Skipf("needs %s (scripts/deps.sh test installs it)", p)
		}
	}
}

// Since skips a test on kernels before a release, which lack what it is about.
func Since(t testing.TB, major, minor int, what string) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		t.Fatalf("kernel %s: %v", release, err)
	}
	if a < major || a == major && b < minor {
		t.Skipf("Linux %s has no %s, which came with %d.%d", release, what, major, minor)
	}
}
