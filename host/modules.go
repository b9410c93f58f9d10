package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// ErrNoModule says that the kernel has a module neither built in nor to load.
var ErrNoModule = errors.New("the kernel has no such module")

// mostModprobe bounds how long loading a module may take.
const mostModprobe = 20 * time.Second

// Module makes sure that the kernel has a module, and loads it if it must. symbol is the name of a
// function of the module: one that is built in shows itself by it alone. Where nobody may see such
// names the module counts as there.
func Module(ctx context.Context, name, symbol string) error {
	if _, err := os.Stat("/sys/module/" + name); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, mostModprobe)
	defer cancel()
	out, err := exec.CommandContext(ctx, "modprobe", "-q", name).CombinedOutput()
	if err == nil {
		return nil
	}
	symbols, unreadable := os.ReadFile("/proc/kallsyms")
	if unreadable != nil || len(symbols) == 0 || bytes.Contains(symbols, []byte(" "+symbol)) {
		return nil
	}
	if said := bytes.TrimSpace(out); len(said) > 0 {
		return fmt.Errorf("%w %s: modprobe says: %s", ErrNoModule, name, said)
	}
	return fmt.Errorf("%w %s: modprobe: %w", ErrNoModule, name, err)
}
