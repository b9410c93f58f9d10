package host_test

import (
	"errors"
	"os"
	"testing"

	"github.com/snatctl/snatctl/host"
)

func TestModule(t *testing.T) {
	if names, err := os.ReadFile("/proc/kallsyms"); err != nil || len(names) == 0 {
		t.Skip("the names of the kernel's functions cannot be read")
	}
	if err := host.Module(t.Context(), "no_such_module", "no_such_function"); !errors.Is(err, host.ErrNoModule) {
		t.Errorf("a module that no kernel has: %v", err)
	}
	if err := host.Module(t.Context(), "no_such_module", "schedule"); err != nil {
		t.Errorf("what is built in: %v", err)
	}
}
