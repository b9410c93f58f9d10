package ctlink_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/internal/nstest"
)

// Without CAP_NET_ADMIN both ways to the kernel say so, and what is missing. The test runs
// itself as another user.
func TestNoPermission(t *testing.T) {
	if os.Getenv("CTLINK_UNPRIVILEGED") == "1" {
		_, open := ctlink.Open()
		_, listen := ctlink.Listen(ctlink.ListenOptions{})
		for _, err := range []error{open, listen} {
			if !errors.Is(err, ctlink.ErrNoPermission) || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
				t.Errorf("the error is %v", err)
			}
		}
		return
	}
	nstest.Require(t)
	cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", os.Args[0], "-test.run=^TestNoPermission$")
	cmd.Env = append(os.Environ(), "CTLINK_UNPRIVILEGED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
