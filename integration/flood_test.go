package integration

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// flooded is a gateway through which a test sends as many flows as it likes.
type flooded struct {
	*nstest.Wires
	t    testing.TB
	sent int
}

// floodPolicy translates what the flood sends: 65,536 sources, each with its own laddr.
const floodPolicy = `
version: 1
zones:
  - {name: crowd, from: 10.9.0.0/16, map: 198.18.0.0/16}
`

func newFlooded(t testing.TB, policy string) *flooded {
	t.Helper()
	nstest.Require(t)
	f := &flooded{Wires: nstest.NewWires(t, "lan0", "wan0"), t: t}
	prints(t, f.Gateway, "apply", "-f", policyFile(t, policy))
	must(t, f.Gateway.Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600")) // no flow ends before the test, however slow
	return f
}

// send sends the first packet of n more flows, each of another source or source port, until
// the table has them all: when a machine is busy, the queue behind a link drops packets
// (net.core.netdev_max_backlog), which the sender cannot see.
func (f *flooded) send(n int) {
	f.t.Helper()
	first := f.sent
	f.try(n)
	for last, since := -1, time.Now(); ; time.Sleep(time.Millisecond) {
		stand := f.entries()
		switch {
		case stand >= f.sent:
			return
		case stand != last:
			last, since = stand, time.Now()
		case time.Since(since) > time.Second:
			f.sent = first
			f.try(n) // those that stand get one packet more, which is no event
			since = time.Now()
			f.t.Logf("%d flows of %d stood; all were sent again", stand, f.sent)
		}
	}
}

// try is send that sends once, where not all flows are let in.
func (f *flooded) try(n int) {
	f.t.Helper()
	packet := nstest.Craft(unix.IPPROTO_UDP, netip.MustParseAddrPort("10.9.0.0:1024"), netip.MustParseAddrPort("8.8.8.8:53"))
	packet[26], packet[27] = 0, 0 // no checksum (RFC 768)
	for range n {
		packet = nstest.Rehead(packet, func(head []byte) { binary.BigEndian.PutUint16(head[14:], uint16(f.sent)) })
		binary.BigEndian.PutUint16(packet[20:], uint16(1024+f.sent>>16))
		f.sent++
		for {
			err := f.Send("lan0", packet)
			if err == nil {
				break
			}
			if err != unix.ENOBUFS && err != unix.EAGAIN {
				f.t.Fatal(err)
			}
		}
	}
}

func (f *flooded) entries() int {
	s, err := f.Gateway.ReadSysctl("net/netfilter/nf_conntrack_count")
	must(f.t, err)
	n, err := strconv.Atoi(s)
	must(f.t, err)
	return n
}

// reported holds the watcher's new flows against the kernel's table, which must be the same,
// each reported once.
func (f *flooded) reported(w *background) {
	f.t.Helper()
	seen := make(map[string]int, f.sent)
	twice, strange := 0, 0
	for _, r := range decodeEvents(f.t, w.lines(f.t)) {
		if *r.Event != "new" {
			continue
		}
		if seen[r.Src]++; seen[r.Src] > 1 {
			twice++
		}
		if or(r.Zone) != "crowd" {
			strange++
		}
	}
	if n := f.entries(); len(seen) != n || n != f.sent || twice > 0 || strange > 0 {
		f.t.Errorf("%d flows of %d reported (%d stand), %d more than once, %d without their zone; %s", len(seen), f.sent, n, twice, strange, w.said())
	}
}

// printed waits until the program has printed n lines. More is an error.
func (b *background) printed(t testing.TB, n int) {
	t.Helper()
	f, err := os.Open(b.stdout)
	must(t, err)
	defer f.Close()
	lines, buf := 0, make([]byte, 1<<20)
	for deadline := time.Now().Add(time.Minute); lines < n; {
		got, err := f.Read(buf)
		lines += bytes.Count(buf[:got], []byte{'\n'})
		if err == io.EOF {
			if time.Now().After(deadline) {
				t.Fatalf("%d lines of %d printed in a minute; it said: %s", lines, n, b.said())
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		must(t, err)
	}
	if lines > n {
		t.Errorf("%d lines printed, want %d", lines, n)
	}
}

// still waits until the program prints nothing more.
func (b *background) still(t testing.TB) {
	t.Helper()
	last := int64(-1)
	until(t, "silence", func() bool {
		info, err := os.Stat(b.stdout)
		must(t, err)
		was := last
		if last = info.Size(); last != was {
			time.Sleep(time.Second)
		}
		return last == was
	})
}

// floodSize returns SNATCTL_FLOOD, usual if it is not given.
func floodSize(t testing.TB, usual int) int {
	t.Helper()
	s := os.Getenv("SNATCTL_FLOOD")
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}

// A flood lets no flow go by and makes the watcher no larger: SNATCTL_FLOOD flows come, a
// part of them at a time, 100,000 unless given.
func TestWatchFlood(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	total := floodSize(t, 100_000)
	w := watching(t, f.Gateway, nil, "--format", "jsonl")
	const part = 100_000
	for left := total; left > part; left -= part {
		f.send(part)
		w.printed(t, part)
		must(t, f.Gateway.FlushFlows(t.Context())) // their ends come all at once, and may be too many
		f.sent = 0
		w.still(t)
		must(t, os.Truncate(w.stdout, 0))
	}
	f.send(min(total, part))
	w.printed(t, f.sent)
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d: %s", code, w.said())
	}
	f.reported(w)
	t.Logf("snatctl watch took %v and %d MB at most; it said: %s", w.cpu(), w.peak>>20, w.said())
	if w.peak > 60<<20 {
		t.Errorf("snatctl watch held %d MB", w.peak>>20)
	}
}

// What the kernel's buffer could not hold is listed from the table: in the end every flow was
// reported, and none twice. The watcher goes on.
func TestWatchOverrun(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	log := t.TempDir() + "/nat.jsonl"
	w := watching(t, f.Gateway, nil, "--format", "jsonl", "--buffer", "64K", "--log", log)
	f.send(30_000)
	until(t, "the table to be read again", func() bool { return strings.Contains(w.said(), "listed the flows again: ") })
	f.send(1)
	w.printed(t, f.sent)
	if code := w.end(t, syscall.SIGINT); code != 0 {
		t.Errorf("exit status %d: %s", code, w.said())
	}
	f.reported(w)
	starts, lost := 0, 0
	for _, line := range natLines(t, log) {
		switch {
		case strings.HasPrefix(line, `{"event":"new"`):
			starts++
		case strings.HasPrefix(line, `{"event":"lost"`) && strings.Contains(line, `"events":`):
			lost++
		default:
			t.Errorf("the NAT log has %s", line)
		}
	}
	if starts != f.sent || lost == 0 {
		t.Errorf("the NAT log has %d starts and %d losses of %d flows", starts, lost, f.sent)
	}
}

// Nobody reads standard output: events are dropped and counted, the watcher stays small, goes
// on logging, and ends when it is told to.
func TestWatchStalled(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	log := t.TempDir() + "/nat.jsonl"
	r, pipe, err := os.Pipe()
	must(t, err)
	defer r.Close()
	w := watching(t, f.Gateway, pipe, "--format", "jsonl", "--log", log)
	pipe.Close()
	f.send(30_000)
	until(t, "all records", func() bool { return len(natLines(t, log)) == f.sent })
	until(t, "the loss to be told", func() bool { return strings.Contains(w.said(), "standard output is not read fast enough: lost ") })
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d: %s", code, w.said())
	}
	if w.peak > 60<<20 {
		t.Errorf("snatctl watch held %d MB", w.peak>>20)
	}
}

// When a laddr has no port left the kernel drops new connections in silence; the watcher says
// so, and where.
func TestWatchRefused(t *testing.T) {
	f := newFlooded(t, `
version: 1
laddrs:
  few: {addresses: 198.51.100.1, ports: 40000-40063}
zones:
  - {name: crowd, from: 10.9.0.0/16, laddrs: few}
`)
	w := watching(t, f.Gateway, nil)
	f.try(300)
	until(t, "a warning", func() bool {
		return strings.Contains(w.said(), "refused") && strings.Contains(w.said(), "critical: zone crowd: laddr 198.51.100.1 of pool few uses 6")
	})
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// A reader of standard output that goes away takes the watcher with it, unless it writes a log.
func TestWatchReaderGone(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	for _, logs := range []bool{false, true} {
		r, pipe, err := os.Pipe()
		must(t, err)
		args := []string{"--format", "jsonl"}
		log := t.TempDir() + "/nat.jsonl"
		if logs {
			args = append(args, "--log", log)
		}
		w := watching(t, f.Gateway, pipe, args...)
		pipe.Close()
		r.Close()
		if !logs {
			f.send(1)
			if err := w.cmd.Wait(); err == nil || w.said() != "" {
				t.Errorf("ends with %v and says %q", err, w.said())
			}
			continue
		}
		f.send(1)
		until(t, "word of it", func() bool { return strings.Contains(w.said(), "nobody reads standard output any more") })
		f.send(1)
		until(t, "two records", func() bool { // beside what an earlier watch has left to be found
			return strings.Count(strings.Join(natLines(t, log), "\n"), `{"event":"new"`) == 2
		})
		if code := w.end(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit status %d", code)
		}
	}
}
