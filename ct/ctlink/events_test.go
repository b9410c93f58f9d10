package ctlink_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/internal/nstest"
)

func listen(t testing.TB, h *nstest.Host, o ctlink.ListenOptions) (s *ctlink.EventSource) {
	t.Helper()
	err := h.Do(func() (err error) {
		s, err = ctlink.Listen(o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Events are what the conntrack tool prints of the same traffic.
func TestEventsAreConntracks(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	g := &gateway{t: t, host: w.Gateway}
	g.track()
	for _, addr := range []string{"8.8.8.8:80", "[2001:db8:8::8]:80"} {
		if err := errors.Join(w.Outside.ServeTCP(addr), w.Outside.ServeUDP(addr)); err != nil {
			t.Fatal(err)
		}
	}
	tool := conntrackEvents(t, w.Gateway)
	source := listen(t, w.Gateway, ctlink.ListenOptions{})

	for _, to := range []string{"8.8.8.8", "2001:db8:8::8"} {
		for _, network := range []string{"tcp", "udp"} {
			if _, err := w.Office.Ask(network, "", net.JoinHostPort(to, "80")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Office.Ping(t.Context(), "", to); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Gateway.FlushFlows(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard := hear(t, source)
	// Two listeners begin and end at different moments, and what two processors report at once they
	// hear in different orders. So both are read until they agree.
	var got, want []string
	for deadline := time.Now().Add(nstest.Patience); len(got) < 20 || !slices.Equal(got, want); {
		select {
		case e := <-heard:
			if ago := time.Since(e.At); !e.At.IsZero() && (ago < 0 || ago > time.Minute) { // zero before Linux 6.14
				t.Errorf("%s was %s ago", eventLine(&e), ago)
			}
			got = enter(got, eventLine(&e))
		case line := <-tool.lines:
			want = enter(want, strings.Join(known(line), " "))
		case <-time.After(time.Until(deadline)):
			t.Fatalf("%d events; conntrack -E and Events differ:\n%s", len(got), gocmp.Diff(want, got))
		}
	}
}

// enter adds an event to a sorted list, unless it is of the traffic by which conntrackEvents found
// out that the tool listens.
func enter(list []string, event string) []string {
	if strings.Contains(event, "src=127.0.0.1") {
		return list
	}
	i, _ := slices.BinarySearch(list, event)
	return slices.Insert(list, i, event)
}

// hear reads a source until the test ends.
func hear(t *testing.T, source *ctlink.EventSource) <-chan ct.Event {
	heard, done := make(chan ct.Event, 10000), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		for e, err := range source.Events(ctx) {
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			} else if err == nil {
				heard <- *e
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return heard
}

// eventLine writes an event as conntrack -E does.
func eventLine(e *ct.Event) string {
	f := &e.Flow
	var in, out *ct.Traffic
	if e.Kind == ct.Destroy {
		in, out = &f.In, &f.Out
	}
	timeout := ""
	if f.Timeout != 0 {
		timeout = fmt.Sprint(f.Timeout)
	}
	state := ""
	if f.TCPState != 0 {
		state = f.State()
	}
	return strings.Join(slices.DeleteFunc([]string{
		"[" + strings.ToUpper(e.Kind.String()) + "]", protoName(f.Orig.Proto), timeout, state,
		side(f.Orig, in), mark(f.Status&ct.SeenReply == 0, "[UNREPLIED]"),
		side(f.Reply, out), mark(f.Status&ct.Assured != 0, "[ASSURED]"), fmt.Sprintf("id=%d", f.ID),
	}, func(s string) bool { return s == "" }), " ")
}

// tool is a conntrack -E that listens.
type tool struct {
	t     testing.TB
	lines chan string
}

// conntrackEvents starts conntrack -E and waits until it listens.
func conntrackEvents(t testing.TB, h *nstest.Host) *tool {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "conntrack", "-E", "-o", "id")
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = h.Do(cmd.Start)
	}
	if err != nil {
		t.Fatal(err)
	}
	x := &tool{t, make(chan string, 10000)}
	go func() {
		defer close(x.lines)
		for s := bufio.NewScanner(pipe); s.Scan(); {
			x.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	x.listens(h)
	return x
}

// listens pings until an event is printed. Events of these pings come until later.
func (x *tool) listens(h *nstest.Host) {
	x.t.Helper()
	for deadline := time.Now().Add(nstest.Patience); len(x.lines) == 0; {
		_ = h.Ping(x.t.Context(), "", "127.0.0.1")
		if time.Now().After(deadline) {
			x.t.Fatal("conntrack -E prints nothing")
		}
	}
}
