package kernels

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Guest is a machine to be: a kernel, programs, and how much of this machine it gets.
type Guest struct {
	Kernel   Release // whose kernel boots
	Userland Release // whose nft, ip, conntrack it has
	MemoryMB int     // 0: 2048
	CPUs     int     // 0: 2
	Cache    string  // directory for what is downloaded and made of it; empty: snatctl-kernels in the user's cache
}

// Job is what a guest does.
type Job struct {
	Files    map[string]string                    // paths in the guest, and what of this machine they are: a file, or a directory with all below it
	Skip     func(rel string, d fs.DirEntry) bool // of directories: what stays here; nil: nothing does
	Modules  []string                             // kernel modules to load first, in order; all others load when they are asked for
	Commands []Command                            // one after the other
}

// Command is a program that a guest runs, as root.
type Command struct {
	Args []string
	Dir  string   // empty: /
	Env  []string // "NAME=value", beside PATH and HOME
}

// ErrMissing says that this machine has not what guests need: qemu, apt, or a way to Debian's
// mirror.
var ErrMissing = errors.New("cannot make a virtual machine here")

// Run boots the guest, writes what the commands print to out, and returns their exit statuses.
// It ends with the context, too: then statuses of commands that did not end are missing. An
// error says that not all commands have ended, and what the kernel printed last.
func (g Guest) Run(ctx context.Context, job Job, out io.Writer) ([]int, error) {
	image, archives, err := g.prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	dir, err := os.MkdirTemp("", "snatctl-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	initrd, console := filepath.Join(dir, "initrd"), filepath.Join(dir, "console")
	if err := writeInitrd(initrd, archives, job); err != nil {
		return nil, err
	}
	statuses, err := g.boot(ctx, image, initrd, console, out)
	if len(statuses) == len(job.Commands) {
		return statuses, nil
	}
	if err == nil {
		err = errors.New("the guest went down")
	}
	said, _ := os.ReadFile(console)
	return statuses, fmt.Errorf("kernel %s: %d of %d commands ended: %w\n%s", g.Kernel.Kernel, len(statuses), len(job.Commands), errors.Join(context.Cause(ctx), err), lastLines(string(said), 60))
}

// Prepare downloads what the guest is made of, if that has not been done yet. Errors are
// ErrMissing.
func (g Guest) Prepare(ctx context.Context) error {
	if _, _, err := g.prepare(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	return nil
}

func (g Guest) prepare(ctx context.Context) (image string, archives []string, err error) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return "", nil, fmt.Errorf("%w (Debian: apt-get install --no-install-recommends qemu-system-x86)", err)
	}
	cache := g.Cache
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", nil, err
		}
		cache = filepath.Join(user, "snatctl-kernels")
	}
	image, modules, err := kernel(ctx, g.Kernel, filepath.Join(cache, g.Kernel.Suite))
	if err != nil {
		return "", nil, err
	}
	user, err := userland(ctx, g.Userland, filepath.Join(cache, g.Userland.Suite))
	return image, []string{user, modules}, err
}

//go:embed init.sh
var initScript string

// writeInitrd puts the archives and the job behind each other: the kernel unpacks one after
// the other.
func writeInitrd(name string, archives []string, job Job) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, from := range archives {
		part, err := os.Open(from)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, part)
		part.Close()
		if err != nil {
			return err
		}
	}
	a := newArchive(f)
	for to, from := range job.Files {
		info, err := os.Stat(from)
		switch {
		case err != nil:
			return err
		case info.IsDir():
			a.tree(to, from, job.Skip)
		default:
			a.file(to, from)
		}
	}
	a.text("init", 0o755, initScript)
	a.text("job/run", 0o755, job.script())
	return errors.Join(a.close(), f.Close())
}

// ended opens the line by which a guest tells a command's status.
const ended = "guest: command ended with status "

// script is the job for the guest's shell.
func (j Job) script() string {
	var b strings.Builder
	for _, m := range j.Modules {
		fmt.Fprintf(&b, "modprobe %s || echo \"guest: the kernel has no module %s\"\n", quote(m), m)
	}
	for _, c := range j.Commands {
		fmt.Fprintf(&b, "(cd %s && exec env", quote("/"+c.Dir))
		for _, word := range append(append([]string{}, c.Env...), c.Args...) {
			b.WriteString(" " + quote(word))
		}
		fmt.Fprintf(&b, ")\nprintf '\\n%s%%d\\n' $?\n", ended)
	}
	return b.String()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// boot runs qemu until the guest switches off.
func (g Guest) boot(ctx context.Context, image, initrd, console string, out io.Writer) ([]int, error) {
	memory, cpus := g.MemoryMB, g.CPUs
	if memory == 0 {
		memory = 2048
	}
	if cpus == 0 {
		cpus = 2
	}
	// Without cx16, since qemu 7.2 spoils the flags of cmpxchg16b, which 6.12 allocates memory with.
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", accelerator(), "-cpu", "max,-cx16",
		"-m", strconv.Itoa(memory), "-smp", strconv.Itoa(cpus), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "file:"+console, "-serial", "stdio",
		"-kernel", image, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off random.trust_cpu=on")
	var errs strings.Builder
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	statuses, rerr := relay(pipe, out)
	io.Copy(io.Discard, pipe)
	if err := cmd.Wait(); err != nil {
		return statuses, fmt.Errorf("qemu: %w\n%s", err, errs.String())
	}
	return statuses, rerr
}

// accelerator is kvm where it works. A /dev/kvm without the processor's help exists too; it
// emulates badly, and guests hang in it.
func accelerator() string {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil || !helps.Match(cpu) {
		return "tcg"
	}
	f.Close()
	return "kvm"
}

// helps matches the flag of Intel's or AMD's virtualization in /proc/cpuinfo.
var helps = regexp.MustCompile(`(?m)^flags.* (vmx|svm)\b`)

// relay copies a guest's lines, but for those that tell statuses, which it returns.
func relay(r io.Reader, out io.Writer) (statuses []int, err error) {
	for lines := bufio.NewReader(r); ; {
		line, rerr := lines.ReadString('\n')
		if status, ok := strings.CutPrefix(line, ended); ok {
			n, err := strconv.Atoi(strings.TrimSpace(status))
			if err != nil {
				return statuses, fmt.Errorf("the guest says %q", line)
			}
			statuses = append(statuses, n)
		} else if _, err := io.WriteString(out, line); err != nil {
			return statuses, err
		}
		if rerr == io.EOF {
			return statuses, nil
		}
		if rerr != nil {
			return statuses, rerr
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
