package nstest

import (
	"os"
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
