package packages

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dropped are the capabilities that systemd-nspawn leaves to a container, but for CAP_NET_ADMIN.
const dropped = "CAP_AUDIT_CONTROL,CAP_AUDIT_WRITE,CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_DAC_READ_SEARCH,CAP_FOWNER,CAP_FSETID,CAP_IPC_OWNER,CAP_KILL,CAP_LEASE," +
	"CAP_LINUX_IMMUTABLE,CAP_MKNOD,CAP_NET_BIND_SERVICE,CAP_NET_BROADCAST,CAP_NET_RAW,CAP_SETFCAP,CAP_SETGID,CAP_SETPCAP,CAP_SETUID,CAP_SYS_ADMIN,CAP_SYS_BOOT," +
	"CAP_SYS_CHROOT,CAP_SYS_NICE,CAP_SYS_PTRACE,CAP_SYS_RESOURCE,CAP_SYS_TTY_CONFIG"

// The image of packaging/container/Dockerfile builds, and its agent applies a policy with CAP_NET_ADMIN alone.
// No image is downloaded: one with busybox and this machine's Go takes the place of Go's.
func TestContainer(t *testing.T) {
	need(t, "buildah", "busybox", "systemd-nspawn", "nsenter", "nft")
	image := containerImage(t)
	state, etc := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(etc, "policy.yaml"), []byte(policy), 0o644))
	var said bytes.Buffer
	cmd := exec.Command("systemd-nspawn", "--quiet", "--directory="+image, "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--timezone=off",
		"--machine="+fmt.Sprintf("snatctl-image-%d", os.Getpid()), "--drop-capability="+dropped, "--bind="+state+":/var/lib/snatctl", "--bind-ro="+etc+":/etc/snatctl", "--tmpfs=/run/snatctl:mode=0700",
		"/usr/sbin/snatctl", "agent", "-f", "/etc/snatctl/policy.yaml") // as ENTRYPOINT and CMD say, which TestContainerWords holds
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() { cmd.Process.Kill(); <-ended }
	var table string
	for end := time.Now().Add(time.Minute); !strings.Contains(table, "203.0.113.10"); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("the container ended: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(end) {
			stop()
			t.Fatalf("a minute has passed without a table\n%s", said.String())
		}
		agent := childNamed(cmd.Process.Pid, "snatctl")
		if agent == "" {
			continue
		}
		out, _ := exec.Command("nsenter", "--target", agent, "--net", "nft", "list", "table", "inet", "snatctl").Output()
		table = string(out)
		if status, _ := os.ReadFile("/proc/" + agent + "/status"); table != "" && !strings.Contains(string(status), "CapEff:\t0000000000001000\n") {
			t.Errorf("the agent has other capabilities than CAP_NET_ADMIN:\n%s", status)
		}
	}
	stop()
}

// The image calls what TestContainer calls.
func TestContainerWords(t *testing.T) {
	text, err := os.ReadFile("../../packaging/container/Dockerfile")
	must(t, err)
	if !strings.HasSuffix(string(text), "ENTRYPOINT [\"/usr/sbin/snatctl\"]\nCMD [\"agent\", \"-f\", \"/etc/snatctl/policy.yaml\"]\n") {
		t.Error("packaging/container/Dockerfile starts something else than TestContainer")
	}
}

// containerImage builds the image and returns a directory with what is in it.
func containerImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	for _, d := range []string{"bin", "tmp", "etc/ssl/certs", "usr/local", "src", "root"} {
		must(t, os.MkdirAll(filepath.Join(base, d), 0o755))
	}
	goroot := strings.TrimSpace(here(t, "go", "env", "GOROOT"))
	busybox, err := exec.LookPath("busybox")
	must(t, err)
	here(t, "cp", busybox, base+"/bin/busybox")
	here(t, "chroot", base, "/bin/busybox", "--install", "-s", "/bin")
	here(t, "cp", "/etc/ssl/certs/ca-certificates.crt", base+"/etc/ssl/certs/")
	here(t, "cp", "-a", goroot, base+"/usr/local/go")
	buildah := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(here(t, append([]string{"buildah", "--root", dir + "/images", "--runroot", dir + "/run", "--storage-driver", "vfs"}, args...)...))
	}
	t.Cleanup(func() { buildah("rm", "--all"); buildah("rmi", "--all", "--force") })
	c := buildah("from", "scratch")
	buildah("copy", c, base, "/")
	buildah("config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "HOME=/root", "--env", "GOPROXY=off", "--env", "GOTOOLCHAIN=local", c)
	buildah("commit", c, "localhost/go")
	cache := func(name, to string) string { return strings.TrimSpace(here(t, "go", "env", name)) + ":" + to }
	buildah("build", "--isolation", "chroot", "--network", "host", "--pull-never", "--file", "../../packaging/container/Dockerfile",
		"--build-arg", "GO_IMAGE=localhost/go", "--build-arg", "VERSION="+newer,
		"--volume", cache("GOMODCACHE", "/root/go/pkg/mod"), "--volume", cache("GOCACHE", "/root/.cache/go-build"), "--tag", "localhost/snatctl", "../..")
	image := buildah("mount", buildah("from", "--pull-never", "localhost/snatctl"))
	if out := here(t, "chroot", image, "/usr/sbin/snatctl", "version"); !strings.Contains(out, newer) {
		t.Errorf("the program of the image says %s", out)
	}
	return image
}
