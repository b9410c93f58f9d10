package page

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A reader gets all parts at first, and then those alone that change.
func TestUpdates(t *testing.T) {
	f := of(sample())
	server := httptest.NewServer(Handler(f.source()))
	defer server.Close()
	r, _ := http.NewRequest(http.MethodGet, server.URL+"/updates?only=wrong", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(resp.Header, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	next := func() (u update) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &u); err != nil {
					t.Fatal(err)
				}
				return u
			}
		}
		t.Fatal("no update comes")
		return u
	}
	if u := next(); len(u.Parts) != len(parts) || u.Title != "(4) gw1 · snatctl" || strings.Contains(u.Parts["services"], "mail") {
		t.Errorf("the first update is %+v", u)
	}
	now := sample()
	now.Services[1] = serviceOf("mail", 1, up("192.168.1.4", 2), down("192.168.1.5", "connect: connection refused", 0))
	f.now.Store(&now)
	u := next()
	for len(u.Parts) == 0 {
		u = next()
	}
	if !strings.Contains(u.Parts["services"], "mail") || !strings.Contains(u.Parts["troubles"], "192.168.1.5 is down: connect: connection refused") || u.Parts["zones"] != "" || u.Title != "(5) gw1 · snatctl" {
		t.Errorf("the next update is %+v", u)
	}
}

// A HEAD of the stream ends.
func TestHead(t *testing.T) {
	server := httptest.NewServer(Handler(of(sample()).source()))
	defer server.Close()
	for _, path := range []string{"/", "/updates", "/services.csv"} {
		resp, err := http.Head(server.URL + path)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %v, %v", path, resp, err)
		}
	}
}

// More readers than there is room for are sent away, and there is room again when others go.
func TestStreamsAreBounded(t *testing.T) {
	s := &streams{source: of(sample()).source(), free: room(1)}
	server := httptest.NewServer(s)
	defer server.Close()
	first, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get(server.URL); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the second answers %v, %v", resp, err)
	}
	first.Body.Close()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatal("there is no room again")
		}
	}
}

// Readers share one look, and a look that takes long is used for longer.
func TestSourceIsShared(t *testing.T) {
	looks := 0
	s := &Source{look: func(context.Context) *Whole { looks++; time.Sleep(100 * time.Millisecond); return &Whole{} }}
	first := s.Whole(t.Context())
	for range 100 {
		if s.Whole(t.Context()) != first {
			t.Fatal("it looks again at once")
		}
	}
	if looks != 1 {
		t.Errorf("it looks %d times", looks)
	}
}
