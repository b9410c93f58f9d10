package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// api is one of a table with a service and a zone, whose figures cannot be read while err is set.
func api(err *error) *API {
	figures := &traffic.Figures{At: time.Now(), Survey: gateway.Survey{Report: ct.Report{
		Services: []ct.ServiceReport{{Name: "web", VIP: []string{}, Ports: []string{}, Servers: []ct.ServerReport{{Address: netip.MustParseAddr("192.168.1.1")}}}},
		Zones:    []ct.ZoneReport{{Name: "office", Laddrs: []ct.LaddrReport{}}},
	}}}
	return &API{
		Snapshot: func() agent.Snapshot { return agent.Snapshot{Policy: agent.Policy{Hash: "abc"}} },
		Services: func() []agent.Service { return []agent.Service{{Name: "web"}} },
		Figures:  func(context.Context) (*traffic.Figures, error) { return figures, *err },
		Picture:  func() (*gateway.Picture, error) { return nil, *err },
		Events:   NewEvents(),
	}
}

// Requests that cannot be answered get a status and a reason, as JSON.
func TestAPIRefuses(t *testing.T) {
	t.Parallel()
	var failed error
	s := open(t, Options{})
	s.MountAPI(api(&failed))
	for _, c := range []struct {
		path string
		err  error
		code int
		want string
	}{
		{"/api/v1/status", nil, 200, `{"services":[{"name":"web",`},
		{"/api/v1/status?service=web", nil, 200, `"zones":[]`},
		{"/api/v1/status?service=wbe", nil, 404, `(did you mean \"web\"?)`},
		{"/api/v1/status?services=web", nil, 400, `unknown parameter \"services\": use service, zone`},
		{"/api/v1/status?zone=a&zone=b", nil, 400, `parameter \"zone\" stands there 2 times`},
		{"/api/v1/status?%", nil, 400, "the query cannot be read"},
		{"/api/v1/status", errors.New("the kernel says no"), 503, `{"error":"the kernel says no"}`},
		{"/api/v1/flows", errors.New("the kernel says no"), 503, `{"error":"the kernel says no"}`},
		{"/api/v1/flows?limit=0", nil, 400, "limit: "},
		{"/api/v1/flows?limit=10001", nil, 400, "is no number from 1 to 10000"},
		{"/api/v1/flows?offset=-1", nil, 400, "offset: "},
		{"/api/v1/flows?laddr=x", nil, 400, "laddr: "},
		{"/api/v1/flows?real-server=web", nil, 400, "real-server: "},
		{"/api/v1/flows?past=maybe", nil, 400, "neither true nor false"},
		{"/api/v1/events?x=1", nil, 400, "there are none here"},
		{"/api/v1/agent", nil, 200, `"hash":"abc"`},
		{"/api/v1/services", nil, 200, `[{"name":"web"`},
		{"/api/v1/openapi.json", nil, 200, `"openapi": "3.1.0"`},
		{"/api/v1/servers", nil, 404, `{"error":"nothing is here`},
		{"/api/v2/", nil, 404, `{"error":"nothing is here`},
	} {
		failed = c.err
		resp, body := ask(t, request(t, "GET", s.url(c.path)))
		if resp.StatusCode != c.code || !strings.Contains(body, c.want) || !json.Valid([]byte(body)) || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s, want %d %s", c.path, resp.StatusCode, resp.Header.Get("Content-Type"), body, c.code, c.want)
		}
	}
}

// What is asked for by flags of a command is asked for by the same names here.
func TestFlowPage(t *testing.T) {
	q, err := url.ParseQuery("zone=office&service=web&laddr=198.51.100.1&real-server=[2001:db8::1]:80&client=10.0.0.0/8&proto=17&state=new&past=1&limit=5&offset=7")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := pageOf(q); err != nil || p.limit != 5 || p.offset != 7 {
		t.Errorf("it is read as %+v, %v", p, err)
	}
	if p, err := pageOf(url.Values{}); err != nil || p.limit != usualPage || p.offset != 0 {
		t.Errorf("nothing is read as %+v, %v", p, err)
	}
}

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
	write(t, file, secret, 0o600)
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
	r.Header.Set("Authorization", "Bearer "+secret)
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
