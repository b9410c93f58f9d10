package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// heard is an event as a reader gets it.
type heard struct{ id, name, data string }

// listen reads a stream from behind an event on.
func listen(t *testing.T, s *Server, last string) (next func() heard, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := request(t, "GET", s.url("/api/v1/events")).WithContext(ctx)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the stream: %v, %v", resp, err)
	}
	in := bufio.NewReader(resp.Body)
	return func() (h heard) {
		t.Helper()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("the stream ends: %v", err)
			}
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch key {
			case "id":
				h.id = value
			case "event":
				h.name = value
			case "data":
				h.data = value
			case "":
				if h.id != "" {
					return h
				}
			}
		}
	}, func() { cancel(); resp.Body.Close() }
}

// Who listens hears what is logged as it happens, and after a pause what happened meanwhile.
func TestEvents(t *testing.T) {
	t.Parallel()
	var none error
	a := api(&none)
	s := open(t, Options{})
	s.MountAPI(a)
	log := slog.New(a.Events.Handler())
	log.Info("before")
	next, end := listen(t, s, "")
	if first := next(); first.name != "" || first.id == "" {
		t.Errorf("it begins with %+v", first)
	}
	log.Debug("unheard")
	log.Warn("server_down", "service", "web\nevent: forged", "was_for", 1500*time.Millisecond)
	h := next()
	var line struct {
		Level, Msg, Service string
		WasFor              float64 `json:"was_for"`
	}
	if err := json.Unmarshal([]byte(h.data), &line); err != nil || h.name != "server_down" || line.Msg != h.name || line.Level != "WARN" || line.Service != "web\nevent: forged" || line.WasFor != 1.5 {
		t.Errorf("it hears %+v: %v", h, err)
	}
	end()
	log.With("table", "edge").Info("while_away")
	log.WithGroup("g").Info("while_away", "k", 1)
	next, end = listen(t, s, h.id)
	next()
	if h := next(); h.name != "while_away" || !strings.Contains(h.data, `"table":"edge"`) {
		t.Errorf("it missed %+v", h)
	}
	if h := next(); !strings.Contains(h.data, `"g":{"k":1}`) {
		t.Errorf("it missed %+v", h)
	}
	end()
	for _, unknown := range []string{"other-1", "x", a.Events.run + "-99"} {
		next, end = listen(t, s, unknown)
		if h := next(); h.name != missedEvent || h.data != `{"lost":null}` {
			t.Errorf("behind %q it hears %+v", unknown, h)
		}
		end()
	}
	resp, _ := ask(t, request(t, "HEAD", s.url("/api/v1/events")))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD gets %v", resp)
	}
}

// Who reads slowly loses the oldest events, and is told how many.
func TestEventsLost(t *testing.T) {
	t.Parallel()
	var none error
	a := api(&none)
	s := open(t, Options{})
	s.MountAPI(a)
	log := slog.New(a.Events.Handler())
	log.Info("heard")
	last := a.Events.id(1)
	for i := range mostEvents + 10 {
		log.Info("many", "n", i)
	}
	next, end := listen(t, s, last)
	defer end()
	next()
	if h := next(); h.name != missedEvent || h.data != `{"lost":10}` {
		t.Errorf("it hears %+v", h)
	}
	for i := range mostEvents {
		if h := next(); h.name != "many" || !strings.Contains(h.data, fmt.Sprintf(`"n":%d}`, i+10)) {
			t.Fatalf("event %d is %+v", i, h)
		}
	}
}

// A reader that takes nothing holds up nobody, and no more than so many listen at a time.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	var none error
	a := api(&none)
	s := open(t, Options{})
	s.MountAPI(a)
	for range mostStreams {
		c, err := net.Dial("tcp", s.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	resp, body := ask(t, request(t, "GET", s.url("/api/v1/events")))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", resp.StatusCode, body)
	}
	if resp, body := ask(t, request(t, "GET", s.url("/healthz"))); resp.StatusCode != 200 {
		t.Errorf("streams take the room of answers: %d %s", resp.StatusCode, body)
	}
	log := slog.New(a.Events.Handler())
	start := time.Now()
	for range 3 * mostEvents {
		log.Info("flood", "text", strings.Repeat("x", 1000))
	}
	t.Logf("%d events in %v while %d read nothing", 3*mostEvents, time.Since(start), mostStreams)
}

// A stream ends once the token that it was asked for with is not the token any more.
func TestStreamEndsWithToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, password, 0o600)
	var none error
	s, err := Open(Options{Address: "127.0.0.1:0", TokenFile: file, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.guard.every = 10 * time.Millisecond
	s.MountAPI(api(&none))
	s.Serve(func(err error) { t.Error(err) })
	t.Cleanup(s.Close)
	r := request(t, "GET", s.url("/api/v1/events"))
	r.Header.Set("Authorization", "Bearer "+password)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	write(t, file, "another-horse-battery", 0o600)
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, resp.Body); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}
