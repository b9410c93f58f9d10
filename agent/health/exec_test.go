package health

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExec(t *testing.T) {
	sh := func(script string) []string { return []string{"/bin/sh", "-c", script} }
	for _, c := range []struct {
		name    string
		command []string
		want    string
	}{
		{"exit 0", sh("exit 0"), ""},
		{"exit 3", sh("exit 3"), "exit status 3"},
		{"says why", sh("echo database is read-only >&2; echo more; exit 1"), `exit status 1: "database is read-only"`},
		{"by signal", sh("kill -TERM $$"), "signal: terminated"},
		{"knows the server", sh(`echo $SNATCTL_SERVICE $SNATCTL_SERVER $SNATCTL_ADDRESS $SNATCTL_PORT $SNATCTL_PROTO $SNATCTL_TIMEOUT $HOME; exit 1`),
			`exit status 1: "web 192.0.2.1:80 192.0.2.7 8080 tcp 5"`},
		{"has no input", sh("cat"), ""},
		{"is verbose", sh("yes | head -c 1000000; exit 0"), ""},
		{"does not exist", []string{"/no/such/program"}, "not checked: fork/exec /no/such/program: no such file or directory"},
		{"is empty", nil, "not checked: no command"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := once(t, Check{Type: Exec, Command: c.command}, "192.0.2.7:8080"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestExecNotAllowed(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	res := newProbes(Options{}).run(t.Context(), Target{Check: &Check{Type: Exec, Command: []string{"/bin/touch", ran}}})
	if want := "not checked: commands are not allowed (--allow-exec)"; res.problem != want || !res.local {
		t.Errorf("result is %+v, want %s", res, want)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran")
	}
}

// TestExecHangs runs commands that leave children behind, and looks for these.
func TestExecHangs(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"with a child", "sleep 300 & echo $! $$ > $0; echo waiting; wait", `command did not end in 1s: "waiting"`},
		{"deaf to signals", "trap '' TERM INT HUP; sleep 300 & echo $! $$ > $0; while :; do sleep 1; done", "command did not end in 1s"},
		{"child stays behind a success", "sleep 300 & echo $! > $0; exit 0", ""},
		{"child stays behind a failure", "sleep 300 & echo $! > $0; exit 1", "exit status 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pids")
			got := once(t, Check{Type: Exec, Command: []string{"/bin/sh", "-c", c.script, file}, Timeout: time.Second}, "192.0.2.7:8080")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			pids, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range strings.Fields(string(pids)) {
				pid, _ := strconv.Atoi(text)
				for end := time.Now().Add(2 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Errorf("process %d of the command is still alive", pid)
						syscall.Kill(pid, syscall.SIGKILL)
						break
					}
				}
			}
		})
	}
}

// alive tells whether a process runs. One that nobody has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
