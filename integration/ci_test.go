package integration

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCI does what a pipeline does with a small repository of policies, as a user without
// rights: lint, test, let nft check the table, and compare with the table of a kernel.
func TestCI(t *testing.T) {
	t.Parallel()
	ci := newCheckout(t)
	user := ordinaryUser(t)
	sh := func(want int, script string) string {
		t.Helper()
		return ci.shell(t, want, append(user, "bash", "-euo", "pipefail", "-c", script)...)
	}
	if out := sh(0, "snatctl lint --strict policy.d"); out != "" {
		t.Errorf("lint finds\n%s", out)
	}
	sh(0, "snatctl fmt --check policy.d")
	if out := sh(0, "snatctl test policy.d"); !strings.Contains(out, "2 tests, 2 passed, 0 failed") {
		t.Errorf("test prints\n%s", out)
	}
	sh(0, "snatctl compile -f policy.d | unshare -rn nft -c -f -")
	if out := sh(1, "unshare -rn snatctl diff -f policy.d"); !strings.Contains(out, "\n+ zone office: ") {
		t.Errorf("diff with an empty kernel prints\n%s", out)
	}
	// The same against a table that somebody runs: nft loads what compile prints.
	sh(0, "unshare -rn bash -c 'snatctl compile -f policy.d | nft -f - && snatctl diff -f policy.d'")

	ci.replace(t, "20-services.yaml", "192.168.1.2]", "192.168.1.3]")
	sh(1, "snatctl test policy.d")
	ci.replace(t, "20-services.yaml", "192.168.1.3]", "192.168.1.300]")
	if out := sh(1, "snatctl lint policy.d"); !strings.Contains(out, "policy.d/20-services.yaml:8:33: error: ") {
		t.Errorf("lint prints\n%s", out)
	}
	sh(1, "snatctl compile -f policy.d")
	sh(2, "unshare -rn snatctl diff -f policy.d")
}

// checkout is a working copy of the sample repository, with snatctl beside it, that every
// user can read.
type checkout struct{ dir, bin string }

func newCheckout(t *testing.T) checkout {
	t.Helper()
	base, err := os.MkdirTemp("", "snatctl-ci-") // not t.TempDir: other users cannot enter that
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	must(t, os.Chmod(base, 0o755))
	c := checkout{filepath.Join(base, "repository"), filepath.Join(base, "bin")}
	must(t, os.CopyFS(c.dir, os.DirFS("testdata/ci")))
	must(t, os.Mkdir(c.bin, 0o755))
	// Not written by this process: a child that another test forks meanwhile would hold it open
	// for writing, and then nobody can execute it (ETXTBSY).
	must(t, exec.Command("install", "-m", "755", program(t), filepath.Join(c.bin, "snatctl")).Run())
	return c
}

// replace changes a text of a policy, which must be there.
func (c checkout) replace(t *testing.T, file, from, to string) {
	t.Helper()
	path := filepath.Join(c.dir, "policy.d", file)
	text, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(text, []byte(from)) {
		t.Fatalf("%s holds no %q", file, from)
	}
	must(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(from), []byte(to)), 0o644))
}

// shell runs a command in the checkout, with snatctl in PATH and further variables as they
// stand before the command. It returns standard output.
func (c checkout) shell(t *testing.T, want int, command ...string) string {
	t.Helper()
	cmd := exec.Command("env", append([]string{"PATH=" + c.bin + ":" + os.Getenv("PATH")}, command...)...)
	cmd.Dir = c.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	got := 0
	var exit *exec.ExitError
	switch err := cmd.Run(); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("%s\nexits %d, want %d:\n%s%s", command[len(command)-1], got, want, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// ordinaryUser returns what runs a command as a user without rights who may make network
// namespaces: nobody, where we are root and the kernel allows nobody to, else ourselves.
func ordinaryUser(t *testing.T) []string {
	t.Helper()
	probe := func(prefix ...string) error {
		return exec.Command("env", append(prefix, "unshare", "-rn", "true")...).Run()
	}
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	if os.Getuid() == 0 && probe(nobody...) == nil {
		return nobody
	}
	err := probe()
	switch {
	case err == nil:
		return nil
	case os.Getenv("SNATCTL_REQUIRE_NETNS") == "1":
		t.Fatalf("SNATCTL_REQUIRE_NETNS=1, but `unshare -rn` fails: %v", err)
	}
	t.Skipf("needs network namespaces (`unshare -rn`): %v", err)
	return nil
}
