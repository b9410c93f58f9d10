package health

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/authority"
)

// TestRunEnds ends a scheduler whose checks of every type wait for an answer: it ends at once, and
// leaves no goroutine behind.
func TestRunEnds(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(site))
	defer web.Close()
	defer web.CloseClientConnections()
	ca := authority.New(t)
	secure := secureSite(t, ca.Issue(t, "www.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), true)
	quiet, deaf := silentServer(t), serveTCP(t, hold)
	nobody := serveUDP(t, func([]byte) []byte { return nil })
	before := runtime.NumGoroutine()
	var ts []Target
	for i, x := range []struct {
		check Check
		to    string
	}{
		{Check{Type: TCP}, quiet},
		{Check{Type: TCP, Expect: "x"}, deaf},
		{Check{Type: HTTP, Path: "/slow"}, web.Listener.Addr().String()},
		{Check{Type: HTTPS, Path: "/slow", Host: "www.example.com"}, secure},
		{Check{Type: HTTPS}, deaf},
		{Check{Type: DNS}, nobody},
		{Check{Type: UDP}, nobody},
		{Check{Type: SMTP}, deaf},
		{Check{Type: Exec, Command: []string{"/bin/sleep", "300"}}, nobody},
	} {
		x.check.Interval, x.check.Timeout = 50*time.Millisecond, time.Hour
		ts = append(ts, Target{ID: ID{x.check.Type, server(i)}, To: addrPort(x.to), Check: &x.check})
	}
	s := New(Options{AllowExec: true})
	s.Set(ts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, func(vs []Verdict) { t.Errorf("verdicts: %v", vs) }) }()
	time.Sleep(300 * time.Millisecond)
	cancel()
	select {
	case err := <-ended:
		if err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+8; time.Sleep(10 * time.Millisecond) { // servers have some
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// TestNothingLeftBehind checks many times by HTTP/2, whose library keeps a goroutine a connection.
func TestNothingLeftBehind(t *testing.T) {
	ca := authority.New(t)
	to := secureSite(t, ca.Issue(t, "www.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), true)
	k := Check{Type: HTTPS, Path: "/told", Host: "www.example.com", Body: "HTTP/2.0"}
	once(t, k, to)
	before := runtime.NumGoroutine()
	for range 50 {
		if got := once(t, k, to); got != "" {
			t.Fatal(got)
		}
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before 50 checks, %d after", before, runtime.NumGoroutine())
		}
	}
}

// TestManyDownAtOnce lets a thousand servers die at the same moment: verdicts come in few batches.
func TestManyDownAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Check{Type: TCP, Interval: 500 * time.Millisecond, Timeout: 5 * time.Second, Rise: 1, Fall: 1}
	ts := targets(1000, k)
	for i := range ts {
		ts[i].To = addrPort(l.Addr().String())
	}
	s := New(Options{})
	s.Set(ts)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	up, down, batches := 0, 0, 0
	s.Run(ctx, func(vs []Verdict) {
		for _, v := range vs {
			switch v.State {
			case Up:
				up++
			case Down:
				down++
			}
		}
		if up == len(ts) && down == 0 {
			l.Close()
		}
		if down > 0 {
			batches++
			time.Sleep(20 * time.Millisecond) // as a commit takes
		}
		if down == len(ts) {
			cancel()
		}
	})
	if up != len(ts) || down != len(ts) || batches > 100 {
		t.Errorf("%d up, %d down of %d, in %d batches", up, down, len(ts), batches)
	}
}
