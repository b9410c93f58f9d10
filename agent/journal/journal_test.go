package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// written is what a log wrote.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(line)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newLog(t *testing.T, o Options) (*Log, *written) {
	t.Helper()
	w := &written{}
	l, err := New(w, o)
	if err != nil {
		t.Fatal(err)
	}
	return l, w
}

func (l *Log) kinds() int {
	l.floods.mu.Lock()
	defer l.floods.mu.Unlock()
	return len(l.floods.kinds)
}

func TestText(t *testing.T) {
	l, b := newLog(t, Options{})
	l.Warn("server_down", "service", "web", "took", 1500*time.Millisecond)
	if got := b.String(); !strings.HasPrefix(got, "time=") || !strings.HasSuffix(got, "level=WARN msg=server_down service=web took=1.5s\n") {
		t.Errorf("got %q", got)
	}
}

func TestJSON(t *testing.T) {
	l, b := newLog(t, Options{Format: "json"})
	l.Error("policy_refused", "error", fmt.Errorf("no\nway"), "took", 1500*time.Millisecond)
	var line map[string]any
	if err := json.Unmarshal([]byte(b.String()), &line); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Fatalf("%v: %q", err, b.String())
	}
	if line["msg"] != "policy_refused" || line["level"] != "ERROR" || line["error"] != "no\nway" || line["took"] != 1.5 || line["time"] == nil {
		t.Errorf("got %v", line)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := New(&bytes.Buffer{}, Options{Format: "xml"}); err == nil {
		t.Error("xml is a format")
	}
}

// TestPriorities reads what a log says to the journal: whole lines, each with its own priority, also those
// of loggers that were made of it.
func TestPriorities(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		l, b := newLog(t, Options{Format: format, Journal: true})
		l.Error("one")
		l.With("a", 1).Warn("two\nlines")
		l.WithGroup("g").Info("three", "b", 2)
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 3 {
			t.Fatalf("%s: %q", format, b.String())
		}
		for i, want := range []string{"<3>", "<4>", "<6>"} {
			if !strings.HasPrefix(lines[i], want) || strings.Contains(lines[i], "time") {
				t.Errorf("%s: line %q, want %s and no time", format, lines[i], want)
			}
		}
	}
}

// TestIsStream tells a stream by what it is, not by the variable alone.
func TestIsStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	is := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	if !IsStream(w, is) {
		t.Errorf("%s is not found to be the stream", is)
	}
	for _, not := range []string{"", "x", is + "0", fmt.Sprintf("%d:%d", st.Dev+1, st.Ino), fmt.Sprint(st.Dev)} {
		if IsStream(w, not) {
			t.Errorf("the pipe %s is taken for %q", is, not)
		}
	}
}

// lines counts the lines that have all of some words.
func lines(b *written, words ...string) (n int) {
next:
	for line := range strings.Lines(b.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		n++
	}
	return n
}

func down(l *Log, server string, after time.Duration) {
	l.Warn("server_down", "service", "web", "server", server, "reason", "refused", "out_after", after)
}

// TestFlood folds equal messages, though what they measure differs, and loses none.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog(t, Options{})
		for i := range 100 {
			down(l, "192.168.1.1:80", time.Duration(i))
		}
		if n := lines(b, "server_down"); n != burst {
			t.Fatalf("%d lines at once, want %d:\n%s", n, burst, b)
		}
		time.Sleep(window)
		synctest.Wait()
		if lines(b, "server_down") != burst+1 || lines(b, "out_after=99ns", "folded=97", "folded_in=10s") != 1 {
			t.Fatalf("after the window:\n%s", b)
		}
		for range 10 { // the flood goes on: a line a window
			down(l, "192.168.1.1:80", 0)
		}
		if lines(b, "server_down") != burst+1 {
			t.Fatalf("in the second window:\n%s", b)
		}
		time.Sleep(window)
		synctest.Wait()
		if lines(b, "folded=10 ") != 1 {
			t.Fatalf("after the second window:\n%s", b)
		}
		time.Sleep(window)
		synctest.Wait()
		down(l, "192.168.1.1:80", 0) // it is over: this one is news
		if lines(b, "server_down") != burst+3 {
			t.Errorf("after a quiet window:\n%s", b)
		}
		l.Close()
	})
}

// TestDifferent folds nothing that differs in what it is about.
func TestDifferent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog(t, Options{})
		for i := range 100 {
			down(l, fmt.Sprintf("192.168.1.%d:80", i), 0)
			l.Info("server_up", "service", "web", "server", fmt.Sprintf("192.168.1.%d:80", i))
			l.With("service", i).Info("quorum_met")
		}
		if n := lines(b); n != 300 {
			t.Errorf("%d lines of 300", n)
		}
		l.Close()
		if n := lines(b); n != 300 {
			t.Errorf("%d lines of 300 after the end", n)
		}
	})
}

// TestCloseLosesNothing writes at the end what is held back, the newest last.
func TestCloseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog(t, Options{})
		for range 10 {
			down(l, "192.168.1.1:80", 0)
			time.Sleep(time.Millisecond)
			l.Info("server_up", "service", "web", "server", "192.168.1.1:80")
			time.Sleep(time.Millisecond)
		}
		l.Close()
		if lines(b, "server_down", "folded=7 ") != 1 || lines(b, "server_up", "folded=7 ") != 1 {
			t.Errorf("at the end:\n%s", b)
		}
		if d, u := strings.LastIndex(b.String(), "server_down"), strings.LastIndex(b.String(), "server_up"); d > u {
			t.Errorf("what was last is not written last:\n%s", b)
		}
		l.Close()
		down(l, "192.168.1.1:80", 0)
		if lines(b, "server_down") != burst+2 {
			t.Errorf("a message after the end is lost:\n%s", b)
		}
	})
}

// TestManyKinds watches a bounded number of kinds, and writes the others as they come.
func TestManyKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog(t, Options{})
		const kinds = mostKinds + 100
		for range 5 {
			for i := range kinds {
				l.Warn("server_down", "server", i, "service", slog.StringValue("web"))
			}
		}
		if n := l.kinds(); n != mostKinds {
			t.Errorf("%d kinds are watched, want %d", n, mostKinds)
		}
		if n, want := lines(b), burst*mostKinds+5*100; n != want {
			t.Errorf("%d lines, want %d", n, want)
		}
		time.Sleep(2 * window)
		synctest.Wait()
		if n := lines(b, "folded=2 "); n != mostKinds {
			t.Errorf("%d kinds were told at the end of the window, want %d", n, mostKinds)
		}
		if n := l.kinds(); n != 0 {
			t.Errorf("%d kinds are watched after a quiet window", n)
		}
	})
}
