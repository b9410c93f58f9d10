package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/internal/authority"
)

const secret = "correct-horse-battery"

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

// Nobody opens the gateway's knowledge to the network by mistake.
func TestUnguarded(t *testing.T) {
	dir := t.TempDir()
	file, ca := filepath.Join(dir, "token"), filepath.Join(dir, "ca")
	write(t, file, secret, 0o600)
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
		{"BREW", "/echo", "", "", 405, "only GET and HEAD"},
		{"GET", "/echo", "", "body", 413, "have no body"},
		{"GET", "/nothing", "", "", 404, "404"},
	} {
		r := request(t, c.method, s.url(c.path))
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

// A token lets in who knows it, is read again when it changes, and lets nobody in when it cannot be kept
// secret any more.
func TestToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, secret+"\n", 0o600)
	s := open(t, Options{TokenFile: file})
	try := func(authorization string) int {
		t.Helper()
		r := request(t, "GET", s.url("/echo"))
		r.Host = "gateway.example.com" // the token is guard enough
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		resp, _ := ask(t, r)
		if resp.StatusCode == 401 && len(resp.Header.Values("WWW-Authenticate")) != 2 {
			t.Errorf("it asks for %v", resp.Header.Values("WWW-Authenticate"))
		}
		return resp.StatusCode
	}
	basic := func(user, password string) string {
		r := request(t, "GET", s.url("/"))
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for authorization, want := range map[string]int{
		"Bearer " + secret: 200, "bearer " + secret: 200, basic("", secret): 200, basic("anna", secret): 200,
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer " + secret[1:]: 401, "Bearer " + secret + "x": 401, basic(secret, ""): 401, "Basic %": 401, "Digest " + secret: 401,
	} {
		if got := try(authorization); got != want {
			t.Errorf("%q: %d, want %d", authorization, got, want)
		}
	}
	const next = "another-horse-battery"
	write(t, file+".new", next, 0o600)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	if was, is := try("Bearer "+secret), try("Bearer "+next); was != 401 || is != 200 {
		t.Errorf("after a change the old token gives %d, the new one %d", was, is)
	}
	for mode, want := range map[os.FileMode]int{0o644: 503, 0o604: 503, 0o620: 503, 0o640: 200, 0o600: 200, 0o400: 200} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if got := try("Bearer " + next); got != want {
			t.Errorf("of mode %04o: %d, want %d", mode, got, want)
		}
	}
	for text, want := range map[string]string{"": "of 0 characters", "short": "of 5 characters", secret + " " + secret: "more than one word"} {
		bad := filepath.Join(t.TempDir(), "token")
		write(t, bad, text, 0o600)
		if _, err := openToken(bad, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the token %q: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := try("Bearer " + next); got != 503 {
		t.Errorf("without its file: %d", got)
	}
}

// With TLS only clients of the authority are answered, over nothing older than 1.2, and a renewed
// certificate is used from then on.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ours, theirs := authority.New(t), authority.New(t)
	renew := func(a *authority.Authority) {
		authority.Save(t, a.Issue(t, "gateway.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), cert, key)
	}
	renew(ours)
	s := open(t, Options{Cert: cert, Key: key, ClientCA: ours.File})
	issue := func(a *authority.Authority) []tls.Certificate {
		return []tls.Certificate{a.Issue(t, "client", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))}
	}
	get := func(roots *authority.Authority, c *tls.Config) (*http.Response, error) {
		c.RootCAs, c.ServerName = roots.Pool(), "gateway.example.com"
		client := http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
		resp, err := client.Get("https://" + s.Address().String() + "/echo")
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	resp, err := get(ours, &tls.Config{Certificates: issue(ours)})
	if err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Fatalf("a client of ours: %v, %v", resp, err)
	}
	for what, c := range map[string]*tls.Config{"no certificate": {}, "one of others": {Certificates: issue(theirs)}, "TLS 1.1": {Certificates: issue(ours), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}} {
		if resp, err := get(ours, c); err == nil {
			t.Errorf("%s is answered: %v", what, resp.Status)
		}
	}
	write(t, cert, "half of a renewal", 0o644)
	if _, err := get(ours, &tls.Config{Certificates: issue(ours)}); err != nil {
		t.Errorf("between two files of a renewal: %v", err)
	}
	renew(theirs)
	if _, err := get(theirs, &tls.Config{Certificates: issue(ours)}); err != nil {
		t.Errorf("after a renewal: %v", err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Address: "127.0.0.1:0", Cert: cert, Key: key, Log: s.o.Log}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that all may read: %v", err)
	}
}

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
