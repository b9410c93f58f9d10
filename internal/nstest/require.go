package nstest

import (
	"os"
	"os/exec"
	"testing"
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
