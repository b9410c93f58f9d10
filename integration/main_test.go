package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == checkWord {
		checkServers(os.Args[2:])
		return
	}
	if len(os.Args) == 3 && os.Args[1] == mortalWord {
		mortalProcess(os.Args[2])
		return
	}
	state, err := os.MkdirTemp("", "snatctl-state-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("STATE_DIRECTORY", state) // not that of the machine
	code := m.Run()
	os.RemoveAll(state)
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// built is the binary under test, built when the first test asks for it.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// program returns the path of snatctl.
func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.path = os.Getenv("SNATCTL_BIN"); built.path != "" {
			built.path, built.err = filepath.Abs(built.path)
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "snatctl-integration-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "snatctl")
		if out, err := exec.Command("go", "build", "-o", built.path, "../cmd/snatctl").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build snatctl: %w\n%s", err, strings.TrimSpace(string(out)))
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}
