package web

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/agent"
)

// Nobody opens the gateway's knowledge to the network by mistake.
func TestUnguarded(t *testing.T) {
	dir := t.TempDir()
	file, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca")
	write(t, file, password, 0o600)
	for _, c := range []struct {
		o    Options
		want string // empty: it is guarded
	}{
		{Options{Address: "127.0.0.1:0"}, ""},
		{Options{Address: "[::1]:0"}, ""},
		{Options{Address: "localhost:0"}, ""},
		{Options{Address: "192.0.2.1:0", TokenFile: file}, ""},
		{Options{Address: ":0", Cert: "c", Key: "k", ClientCA: ca}, ""},
		{Options{Address: "192.0.2.1:0"}, "--http 192.0.2.1:0 is no address of loopback"},
		{Options{Address: ":0"}, "is no address of loopback"},
		{Options{Address: "0.0.0.0:0"}, "is no address of loopback"},
		{Options{Address: "[::]:0", Cert: "c", Key: "k"}, "is no address of loopback"},
		{Options{Address: "127.0.0.1"}, "is no ADDRESS:PORT"},
		{Options{Address: "127.0.0.1:99999"}, "is no ADDRESS:PORT"},
		{Options{Address: "127.0.0.1:-1"}, "is no ADDRESS:PORT"},
		{Options{Address: "127.0.0.1:nothing"}, "is no ADDRESS:PORT"},
		{Options{Address: "127.0.0.1:0", Cert: "c"}, "go together"},
		{Options{Address: "127.0.0.1:0", Key: "k"}, "go together"},
		{Options{Address: "192.0.2.1:0", ClientCA: ca}, "which only TLS has"},
	} {
		_, err := c.o.where()
		var unguarded *UnguardedError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.o, err)
		case c.want != "" && (!errors.As(err, &unguarded) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
}

// Only GET and HEAD without a body are answered, under the names of loopback, and every answer says what
// browsers may do with it.
func TestGuard(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for _, c := range []struct {
		method, path, host, body string
		code                     int
		want                     string
	}{
		{"GET", "/echo", "", "", 200, "GET"},
		{"HEAD", "/echo", "", "", 200, ""},
		{"GET", "/echo", "localhost:1", "", 200, "GET"},
		{"GET", "/echo", "a.localhost.", "", 200, "GET"},
		{"GET", "/echo", "[::1]:9310", "", 200, "GET"},
		{"GET", "/echo", "127.9.9.9", "", 200, "GET"},
		{"GET", "/echo", "rebound.example.com", "", 421, `by the name "rebound.example.com"`},
		{"GET", "/echo", "192.0.2.1:80", "", 421, "ask for localhost"},
		{"POST", "/echo", "", "", 405, "only GET and HEAD"},
		{"PUT", "/echo", "", "", 405, "only GET and HEAD"},
		{"DELETE", "/api/v1/servers", "", "", 405, `{"error":"only GET and HEAD`},
		{"OPTIONS", "/echo", "", "", 405, "only GET and HEAD"},
		{"OPTIONS", "*", "", "", 405, "only GET and HEAD"}, // about the server as a whole (RFC 9110, 9.3.7)
		{"OPTIONS", "*", "rebound.example.com", "", 421, "rebound"},
		{"BREW", "/echo", "", "", 405, "only GET and HEAD"},
		{"GET", "/echo", "", "body", 413, "have no body"},
		{"GET", "/nothing", "", "", 404, "404"},
	} {
		r := request(t, c.method, s.url(strings.TrimPrefix(c.path, "*")))
		if c.path == "*" {
			r.URL.Opaque = c.path
		}
		r.Host = c.host
		if c.body != "" {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
		}
		resp, body := ask(t, r)
		if resp.StatusCode != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s, host %q: %d %s", c.method, c.path, c.host, resp.StatusCode, body)
		}
		if c.code == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("405 allows %q", resp.Header.Get("Allow"))
		}
		h := resp.Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: browsers are told %v", c.method, c.path, h)
		}
	}
	resp, err := http.Get(s.url("/echo?" + strings.Repeat("x", 2*mostHeader)))
	if err != nil || resp.StatusCode != 431 && resp.StatusCode != 414 {
		t.Errorf("a header of %d bytes: %v, %v", 2*mostHeader, resp, err)
	}
}

// A handler that fails takes neither the agent nor its room with it, and the log has why.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	var log lines
	s, err := Open(Options{Address: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(&log.b, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.Mount("/fails", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") }))
	s.MountHealth(func() agent.Snapshot { return agent.Snapshot{} })
	s.Serve(func(err error) { t.Error(err) })
	for range 2 * mostAnswers {
		if resp, err := http.Get(s.url("/fails")); err == nil {
			resp.Body.Close()
			t.Errorf("it is answered: %s", resp.Status)
		}
	}
	if resp, _ := ask(t, request(t, "GET", s.url("/healthz"))); resp.StatusCode != 200 {
		t.Errorf("then health is %s", resp.Status)
	}
	s.Close()
	if !strings.Contains(log.b.String(), `msg=http_unanswered path=/fails error="at the disco"`) {
		t.Errorf("the log has %s", log.b.String())
	}
}
