package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
)

// One connection more than there is room for is told so, and room that is given back is used again.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	inner, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 2, nil)
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	var held []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	get := func() (int, string) {
		resp, _ := ask(t, request(t, "GET", "http://"+l.Addr().String()))
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	if code, after := get(); code != 503 || after == "" {
		t.Errorf("one too many: %d, again after %q", code, after)
	}
	_ = held[0].Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if code, _ := get(); code == 200 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("room is not given back")
		}
	}
}

// More requests at a time than are answered are refused at once, and an agent that ends does not wait for
// streams.
func TestTooManyAnswers(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Address: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{}, mostAnswers)
	s.Mount("/wait", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	s.MountHealth(func() agent.Snapshot { return agent.Snapshot{} })
	s.Serve(func(err error) { t.Error(err) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range mostAnswers {
		go func() {
			if resp, err := http.DefaultClient.Do(request(t, "GET", s.url("/wait")).WithContext(ctx)); err == nil {
				resp.Body.Close()
			}
		}()
	}
	for range mostAnswers {
		<-begun
	}
	if resp, body := ask(t, request(t, "GET", s.url("/healthz"))); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", resp.StatusCode, body)
	}
	start := time.Now()
	s.Close()
	if took := time.Since(start); took > lastWords+10*time.Second {
		t.Errorf("ending takes %v", took)
	}
}
