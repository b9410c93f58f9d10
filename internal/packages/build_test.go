package packages

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// built are the files that make packages wrote for a version.
type built struct{ deb, rpm string }

// Versions of the packages: both are of this tree.
const older, newer = "v0.9.0", "v1.0.0"

var builds sync.Map // of version: func() (built, error)

// build makes the packages of a version once.
func build(t *testing.T, version string) built {
	t.Helper()
	once, _ := builds.LoadOrStore(version, sync.OnceValues(func() (built, error) { return makePackages(version) }))
	b, err := once.(func() (built, error))()
	must(t, err)
	return b
}

var buildDir string // for all tests

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "snatctl-packages-")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

func makePackages(version string) (built, error) {
	dir, err := os.MkdirTemp(buildDir, version+"-")
	if err != nil {
		return built{}, err
	}
	cmd := exec.Command("../../packaging/build.sh")
	cmd.Env = append(os.Environ(), "VERSION="+version, "DIST="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return built{}, fmt.Errorf("packaging/build.sh: %w\n%s", err, out)
	}
	plain := strings.TrimPrefix(version, "v")
	return built{filepath.Join(dir, "snatctl_"+plain+"-1_amd64.deb"), filepath.Join(dir, "snatctl-"+plain+"-1.x86_64.rpm")}, nil
}

// The same tree makes the same packages, byte for byte, wherever they are built.
func TestReproducible(t *testing.T) {
	need(t)
	first := build(t, newer)
	second, err := makePackages(newer)
	must(t, err)
	for _, pair := range [][2]string{{first.deb, second.deb}, {first.rpm, second.rpm}} {
		a, err := os.ReadFile(pair[0])
		must(t, err)
		b, err := os.ReadFile(pair[1])
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s was built twice, and differs (if nobody committed meanwhile)", filepath.Base(pair[0]))
		}
	}
}

// Both packages have all that docs/packages.md says, and what operators may change are configuration files.
func TestContents(t *testing.T) {
	need(t, "dpkg-deb", "rpm")
	b := build(t, newer)
	configuration := []string{"/etc/default/snatctl-agent", "/etc/default/snatctl-natlog", "/etc/logrotate.d/snatctl", "/etc/sysctl.d/60-snatctl.conf"}
	files := []string{"/usr/sbin/snatctl", "/usr/lib/systemd/system/snatctl.service", "/usr/lib/systemd/system/snatctl-online.service",
		"/usr/lib/systemd/system/snatctl-agent.service", "/usr/lib/systemd/system/snatctl-natlog.service", "/usr/share/man/man1/snatctl.1.gz",
		"/usr/share/man/man1/snatctl-server-drain.1.gz", "/usr/share/man/man5/snatctl-policy.5.gz", "/usr/share/bash-completion/completions/snatctl",
		"/usr/share/fish/vendor_completions.d/snatctl.fish", "/usr/share/doc/snatctl/examples/policy.yaml", "/usr/share/doc/snatctl/docs/operations.md",
		"/usr/share/doc/snatctl/licenses.gz", "/usr/share/snatctl/policy.schema.json"}
	files = append(files, configuration...)
	for name, list := range map[string]string{
		"deb": strings.ReplaceAll(here(t, "dpkg-deb", "--contents", b.deb), " ./", " /"),
		"rpm": here(t, "rpm", "-qpl", b.rpm),
	} {
		for _, file := range files {
			if !strings.Contains(list+"\n", file+"\n") {
				t.Errorf("the %s has no %s", name, file)
			}
		}
		if strings.Contains(list, "/etc/snatctl/policy.yaml\n") {
			t.Errorf("the %s has a policy, which the agent would apply", name)
		}
	}
	want := strings.Join(configuration, "\n") + "\n"
	if got := here(t, "dpkg-deb", "--info", b.deb, "conffiles"); got != want {
		t.Errorf("the deb's configuration files are\n%swant\n%s", got, want)
	}
	if got := here(t, "rpm", "-qpc", b.rpm); got != want {
		t.Errorf("the rpm's configuration files are\n%swant\n%s", got, want)
	}
}

// lintian and rpmlint have nothing to say but what packaging/lintian-overrides and rpmlint.toml answer.
func TestLinters(t *testing.T) {
	need(t, "lintian", "rpmlint", "rpm2cpio", "cpio")
	b := build(t, newer)
	out, err := exec.Command("lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", b.deb).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("W: ")) || bytes.Contains(out, []byte("E: ")) {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	// rpmlint unpacks by cpio, which would write absolute names where they say.
	dir := t.TempDir()
	cpio, err := exec.LookPath("cpio")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cpio"), []byte("#!/bin/sh\nexec "+cpio+" --no-absolute-filenames \"$@\"\n"), 0o755))
	cmd := exec.Command("rpmlint", "--config", "../../packaging/rpmlint.toml", b.rpm)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("0 errors, 0 warnings")) {
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
}

// Maintainer scripts are scripts for any sh.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("../../packaging/scripts/*")
	must(t, err)
	if len(scripts) != 6 {
		t.Fatalf("the scripts are %v", scripts)
	}
	for _, s := range scripts {
		here(t, "sh", "-n", s)
	}
}
