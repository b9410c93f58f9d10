package ctlink

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A kernel without netlink for netfilter. The one that runs the tests has it built in, so the
// test stands where the error number comes back.
func TestUnsupported(t *testing.T) {
	if err := explain(unix.EPROTONOSUPPORT); !errors.Is(err, ErrUnsupported) || !errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Errorf("EPROTONOSUPPORT is explained as %v", err)
	}
	if err := explain(unix.ENOBUFS); errors.Is(err, ErrUnsupported) {
		t.Errorf("an overrun is explained as %v", err)
	}
}
