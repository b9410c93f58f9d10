package web

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/compiler/tell"
)

const password = "correct-horse-battery"

// open opens a server on loopback that answers /echo and the health of an agent.
func open(t *testing.T, o Options) *Server {
	t.Helper()
	o.Address, o.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Mount("/echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) }))
	s.MountHealth(func() agent.Snapshot { return agent.Snapshot{Policy: agent.Policy{Hash: "1"}} })
	s.Serve(func(err error) { t.Error(err) })
	return s
}

func (s *Server) url(path string) string { return "http://" + s.Address().String() + path }

// ask makes one request, on a connection of its own.
func ask(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// The table is ready if it is as the files say.
func TestReady(t *testing.T) {
	for _, c := range []struct {
		s    agent.Snapshot
		want string
	}{
		{agent.Snapshot{}, "no policy is in force"},
		{agent.Snapshot{Policy: agent.Policy{Hash: "1"}}, ""},
		{agent.Snapshot{Policy: agent.Policy{Hash: "1", Error: "invalid policy"}}, ""},
		{agent.Snapshot{Policy: agent.Policy{Hash: "1", LastGood: true, Error: "invalid policy: 1 error"}}, "the last good policy is in force, since that of the files is refused: invalid policy: 1 error"},
		{agent.Snapshot{Policy: agent.Policy{Hash: "1"}, Drift: agent.Drift{Standing: []tell.Change{{}}}}, "the table differs from the policy: 1 change"},
	} {
		if got := unready(c.s); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
}
