package nstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one network namespace.
type Host struct {
	Name string

	ns netns.NsHandle
	nl *netlink.Handle

	mu      sync.Mutex
	closers []io.Closer // servers, closed with the host
	closed  bool
}

// newHost makes a namespace with its loopback up and IPv6 addresses usable at once.
func newHost(name string) (*Host, error) {
	h := &Host{Name: name, ns: netns.None()}
	err := onThread(func() error {
		ns, err := netns.New()
		if err != nil {
			return err
		}
		h.ns = ns
		if err := forgetRoles(ns); err != nil {
			return err
		}
		if h.nl, err = netlink.NewHandleAt(ns); err != nil {
			return err
		}
		for key, value := range map[string]string{
			"net/ipv4/ip_forward":                 "0", // else it is as on the machine that runs the tests
			"net/ipv6/conf/all/forwarding":        "0",
			"net/ipv4/conf/all/rp_filter":         "0",
			"net/ipv4/conf/default/rp_filter":     "0",
			"net/ipv6/conf/default/accept_dad":    "0",
			"net/ipv6/conf/all/accept_dad":        "0",
			"net/ipv6/conf/default/addr_gen_mode": "1", // no link-local addresses but those of plan.link, which are ready at once
			"net/ipv6/conf/default/accept_ra":     "0",
			"net/ipv6/ip_nonlocal_bind":           "1", // bind to addresses that a whole local prefix brings
		} {
			if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0); err != nil {
				return err
			}
		}
		// Refused connections are answered as often as a test asks for it.
		os.WriteFile("/proc/sys/net/ipv4/icmp_ratelimit", []byte("0"), 0)
		os.WriteFile("/proc/sys/net/ipv6/icmp/ratelimit", []byte("0"), 0)
		return up(h, "lo")
	})
	if err != nil {
		h.close()
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	return h, nil
}

// forgetRoles removes the roles that snatctl keeps of gateways of a new namespace. The kernel gives the number of one
// that is gone to the next, so they are of gateways of earlier tests. Before Linux 5.14 snatctl cannot tell (SO_NETNS_COOKIE).
func forgetRoles(ns netns.NsHandle) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(ns), &st); err != nil {
		return err
	}
	left, err := filepath.Glob(fmt.Sprintf("/run/snatctl/%d-%d-*.role", st.Dev, st.Ino))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// onThread runs f on an OS thread of its own choice of namespace, and puts the thread
// back into its namespace afterwards. A thread that cannot return is not used again.
func onThread(f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	err = f()
	if here, e := netns.Get(); e == nil {
		stayed := here.Equal(home)
		here.Close()
		if stayed {
			runtime.UnlockOSThread()
			return err
		}
	}
	if back := netns.Set(home); back != nil {
		return errors.Join(err, fmt.Errorf("return to the first namespace: %w", back)) // still locked: the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// Do runs f inside the host's namespace. Sockets that f opens belong to the host for
// good; goroutines that f starts run outside.
func (h *Host) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(h.ns); err != nil {
			return fmt.Errorf("enter %s: %w", h.Name, err)
		}
		return f()
	})
}

// Path returns a file by which other programs can enter the namespace while this process lives.
func (h *Host) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(h.ns)) }

// Result is what a command did.
type Result struct {
	Code           int // exit status; -1 if the command was ended by a signal
	Stdout, Stderr string
}

// Run runs a command inside the host and waits for it. The error tells that the command
// could not be run; an exit status other than 0 is no error.
func (h *Host) Run(ctx context.Context, name string, args ...string) (Result, error) {
	return h.RunInput(ctx, "", name, args...)
}

// RunInput is Run with text on the command's standard input.
func (h *Host) RunInput(ctx context.Context, stdin, name string, args ...string) (Result, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &stdout, &stderr
	if err := h.Do(cmd.Start); err != nil {
		return Result{}, fmt.Errorf("%s: run %s: %w", h.Name, name, err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, ctx.Err()) { // a command may end well just when its time is up
		return Result{}, fmt.Errorf("%s: run %s: %w", h.Name, name, err)
	}
	return Result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}

// Output runs a command that must succeed and returns what it printed.
func (h *Host) Output(ctx context.Context, name string, args ...string) (string, error) {
	r, err := h.Run(ctx, name, args...)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: %s %q exits %d: %s", h.Name, name, args, r.Code, r.Stderr)
	}
	return r.Stdout, err
}

// owns closes c together with the host.
func (h *Host) owns(c io.Closer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closers = append(h.closers, c)
}

func (h *Host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for _, c := range h.closers {
		c.Close()
	}
	if h.nl != nil {
		h.nl.Close()
	}
	if h.ns.IsOpen() {
		h.ns.Close()
	}
}
