package health

import (
	"os"
	"syscall"
	"testing"
)

// What an interface refuses tells of the way that a check was to take, and without such a way of this
// machine.
func TestLacksWay(t *testing.T) {
	refused := os.NewSyscallError("sendto", syscall.ENOBUFS)
	if r := judge(refused, &Check{Type: ICMP}); !r.local {
		t.Errorf("without a way of its own the check says %+v", r)
	}
	if r := judge(refused, &Check{Type: ICMP, Via: Via{Interface: "wan1"}}); r.local || r.problem != "the interface takes no packets" {
		t.Errorf("by wan1 the check says %+v", r)
	}
}
