package keepalived

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/golden"
)

// keepalived returns the path of the program; empty, where it cannot run.
func keepalived() string {
	program, err := exec.LookPath("keepalived")
	if err != nil || os.Geteuid() != 0 {
		return ""
	}
	return program
}

// stops is how keepalived takes leave of a real server.
var stops = regexp.MustCompile(`Shutting down service \[(.*)\]:\w+:(\d+) from VS (.*)`)

// oracle lets keepalived itself read a configuration, in namespaces of its own, and returns which
// real servers it has, as "VIP:PORT > ADDRESS:PORT". A kernel without IPVS ends it at once, and any other a
// signal, and that ends each of its real servers with a line in its log.
func oracle(t *testing.T, input []golden.File) (servers []string, log string) {
	t.Helper()
	program := keepalived()
	switch {
	case program != "":
	case os.Getenv("SNATCTL_REQUIRE_NETNS") == "1":
		t.Fatal("SNATCTL_REQUIRE_NETNS=1, but keepalived is not installed, or this is not root")
	default:
		t.Skip("needs keepalived, and root")
	}
	dir := t.TempDir()
	id := "nobody"
	for _, f := range input {
		if f.Name == "id" {
			id = strings.TrimSpace(string(f.Data))
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(f.Name)), 0o777), os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "timeout", "--signal=TERM", "5", program,
		"-f", filepath.Join(dir, input[0].Name), "-i", id, "-n", "-l", "-C", "-B", "-G", "-p", filepath.Join(dir, "pid"), "-c", filepath.Join(dir, "cpid"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("keepalived does not end:\n%s", out)
	case err != nil && !errors.As(err, &exit):
		t.Fatal(err)
	case !bytes.Contains(out, []byte("Starting Keepalived")):
		t.Skipf("keepalived cannot run here: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if m := stops.FindStringSubmatch(line); m != nil {
			vs := regexp.MustCompile(`^\[(.*)\]:\w+:(\d+)$`).ReplaceAllString(m[3], "$1:$2")
			servers = append(servers, vs+" > "+m[1]+":"+m[2])
		}
	}
	slices.Sort(servers)
	return servers, string(out)
}

// ours returns what oracle does, of a tree.
func ours(tree *Tree) (servers []string) {
	port := func(s *Statement, i int) string {
		n, _ := strconv.Atoi(s.Word(i))
		return strconv.Itoa(n)
	}
	for _, vs := range tree.Statements {
		if vs.Word(0) != "virtual_server" {
			continue
		}
		name := vs.Word(1) + ":" + port(vs, 2)
		switch {
		case vs.Word(1) == "fwmark":
			name = "FWM " + vs.Word(2)
		case vs.Word(1) == "group":
			name = "[" + vs.Word(2) + "]:0"
		}
		for _, rs := range vs.Body {
			if rs.Word(0) != "real_server" {
				continue
			}
			own := port(rs, 2)
			if _, vport, some := strings.Cut(name, ":"); own == "0" && some {
				own = vport
			}
			servers = append(servers, name+" > "+rs.Word(1)+":"+own)
		}
	}
	slices.Sort(servers)
	return servers
}

// TestOracle: keepalived itself finds the same real servers in what these samples say.
func TestOracle(t *testing.T) {
	if golden.Updating() {
		t.Skip("the samples have no output")
	}
	golden.Run(t, "testdata/oracle/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		want, log := oracle(t, input)
		src, id, files := archived(input)
		tree, err := Read(src, id, files)
		if err != nil {
			t.Fatal(err)
		}
		if got := ours(tree); len(want) == 0 || cmp.Diff(want, got) != "" {
			t.Errorf("keepalived has other real servers (-keepalived +ours):\n%s\nit says:\n%s", cmp.Diff(want, got), log)
		}
		return nil
	})
}

// takes holds that keepalived itself takes what is left to it.
func takes(t *testing.T, rest []byte) {
	t.Helper()
	if bytes.Contains(rest, []byte("real_server")) {
		t.Errorf("a virtual server is left to keepalived:\n%s", rest)
	}
	program := keepalived()
	if program == "" || len(rest) == 0 {
		return
	}
	name := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(name, rest, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--net", "sh", "-c", `ip link add eth0 type veth peer name eth1 && exec "$@"`, "sh", program, "--config-test", "-f", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("keepalived: %v\n%s\n%s", err, out, rest)
	}
}
