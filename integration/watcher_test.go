package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	meter "github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

// transcript is what a program has said so far. It may be read while the program goes on.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// background is a program that runs on a host until the test ends it.
type background struct {
	cmd    *exec.Cmd
	stdout string // file
	stderr transcript
	peak   int64 // the most memory that it held, in bytes, once it has ended
}

func (b *background) said() string { return b.stderr.String() }

// start runs a program whose standard output goes to a file, or to out if that is given.
func start(t testing.TB, h *nstest.Host, out *os.File, name string, args ...string) *background {
	t.Helper()
	b := &background{cmd: exec.Command(name, args...)}
	if out == nil {
		b.stdout = filepath.Join(t.TempDir(), "stdout")
		f, err := os.OpenFile(b.stdout, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		must(t, err)
		defer f.Close()
		out = f
	}
	b.cmd.Stdout, b.cmd.Stderr = out, &b.stderr
	must(t, h.Do(b.cmd.Start))
	t.Cleanup(func() {
		if b.cmd.ProcessState == nil {
			b.cmd.Process.Kill()
			b.cmd.Wait()
		}
	})
	return b
}

// lines returns what the program has printed so far, whole lines only.
func (b *background) lines(t testing.TB) []string { return fileLines(t, b.stdout) }

// natLines returns the lines of a NAT log about connections and losses, without the marks of
// watchers.
func natLines(t testing.TB, path string) []string {
	t.Helper()
	return slices.DeleteFunc(fileLines(t, path), func(line string) bool {
		return strings.HasPrefix(line, `{"event":"start"`) || strings.HasPrefix(line, `{"event":"stop"`)
	})
}

func fileLines(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	whole := string(text[:bytes.LastIndexByte(text, '\n')+1])
	if whole == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(whole, "\n"), "\n")
}

// end interrupts the program and returns its exit status.
func (b *background) end(t testing.TB, sig os.Signal) int {
	t.Helper()
	var err error
	b.peak, err = meter.PeakOf(b.cmd.Process.Pid)
	must(t, err)
	must(t, b.cmd.Process.Signal(sig))
	b.cmd.Wait()
	return b.cmd.ProcessState.ExitCode()
}

// until waits for something to hold.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// watching starts snatctl watch and returns when it hears events.
func watching(t testing.TB, h *nstest.Host, out *os.File, args ...string) *background {
	t.Helper()
	b := start(t, h, out, program(t), append([]string{"watch"}, args...)...)
	until(t, "the watcher to listen: "+b.said(), func() bool { return listens(t, h, b.cmd.Process.Pid) })
	return b
}

// listens tells whether a process has a netlink socket that hears of netfilter's groups
// (/proc/net/netlink: the columns are sk, protocol, port, groups, … and the inode last).
func listens(t testing.TB, h *nstest.Host, pid int) bool {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netlink", pid))
	fds, err2 := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil || err2 != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		w := strings.Fields(line)
		if len(w) < 10 || w[1] != "12" || w[3] == "00000000" {
			continue
		}
		for _, fd := range fds {
			if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name())); to == "socket:["+w[9]+"]" {
				return true
			}
		}
	}
	return false
}

// record is a flow, or an event of one, as snatctl writes it.
type record struct {
	Event         *string `json:"event"`
	Time          *string `json:"time"`
	Proto         string  `json:"proto"`
	Src           string  `json:"src"`
	Dst           *string `json:"dst"`
	TranslatedSrc *string `json:"translated_src"`
	TranslatedDst *string `json:"translated_dst"`
	State         string  `json:"state"`
	Service       *string `json:"service"`
	Zone          *string `json:"zone"`
	RealServer    *string `json:"real_server"`
	Laddr         *string `json:"laddr"`
	BytesIn       *uint64 `json:"bytes_in"`
	BytesOut      *uint64 `json:"bytes_out"`
	PacketsIn     *uint64 `json:"packets_in"`
	PacketsOut    *uint64 `json:"packets_out"`
	TimeoutS      *uint64 `json:"timeout_s"`
}

// decodeFlows reads a list of flows, which must have exactly the keys of record without the
// event's.
func decodeFlows(t testing.TB, text string) []record {
	t.Helper()
	var list []record
	var keys []map[string]any
	must(t, strictly(text, &list))
	must(t, json.Unmarshal([]byte(text), &keys))
	for _, k := range keys {
		if len(k) != 15 {
			t.Fatalf("a flow has %d keys: %v", len(k), k)
		}
	}
	return list
}

func strictly(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// decodeEvents reads events, one a line.
func decodeEvents(t testing.TB, lines []string) []record {
	t.Helper()
	list := make([]record, len(lines))
	for i, line := range lines {
		if err := strictly(line, &list[i]); err != nil {
			t.Fatalf("line %d: %q: %v", i+1, line, err)
		}
	}
	return list
}

// or returns what s points at, "-" for nothing.
func or(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// String writes a flow's tuples and owner: who called whom, as whom and where it went, and
// whose it is.
func (r record) String() string {
	return fmt.Sprintf("%s %s > %s as %s > %s: service %s, zone %s, real server %s, laddr %s",
		r.Proto, r.Src, or(r.Dst), or(r.TranslatedSrc), or(r.TranslatedDst), or(r.Service), or(r.Zone), or(r.RealServer), or(r.Laddr))
}

// tuples writes what the conntrack tool knows of a flow as String does.
func tuples(f nstest.Flow) string {
	end := func(a netip.AddrPort) string {
		if f.Proto == "tcp" || f.Proto == "udp" || f.Proto == "sctp" {
			return a.String()
		}
		return a.Addr().String()
	}
	as := func(now, was netip.AddrPort) string {
		if now == was {
			return "-"
		}
		return end(now)
	}
	return fmt.Sprintf("%s %s > %s as %s > %s", f.Proto, end(f.Orig.Src), end(f.Orig.Dst), as(f.Reply.Dst, f.Orig.Src), as(f.Reply.Src, f.Orig.Dst))
}

// cpu returns the processor time that it took.
func (b *background) cpu() time.Duration {
	return b.cmd.ProcessState.UserTime() + b.cmd.ProcessState.SystemTime()
}
