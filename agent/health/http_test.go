package health

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/authority"
)

// site is a web server with pages good and bad.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ok":
		io.WriteString(w, "all is ok\n")
	case "/moved":
		http.Redirect(w, r, "/broken", http.StatusFound)
	case "/broken":
		http.Error(w, "database is away", http.StatusInternalServerError)
	case "/slow":
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	case "/drips": // sends a header and no end of its body
		io.WriteString(w, "begin")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/hints":
		w.WriteHeader(http.StatusEarlyHints)
	case "/told":
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.URL.RequestURI(), r.Proto, r.UserAgent())
	default:
		http.NotFound(w, r)
	}
}

func TestHTTP(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(site))
	defer srv.Close()
	defer srv.CloseClientConnections()
	web := srv.Listener.Addr().String()
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"ok", Check{Path: "/ok"}, web, ""},
		{"ok with body", Check{Path: "/ok", Body: "is ok"}, web, ""},
		{"wrong body", Check{Path: "/ok", Body: "fine"}, web, `body lacks "fine": "all is ok"`},
		{"500", Check{Path: "/broken"}, web, "HTTP status 500"},
		{"404", Check{}, web, "HTTP status 404"},
		{"404 as it should", Check{Status: []StatusRange{{200, 200}, {404, 404}}}, web, ""},
		{"redirect is an answer", Check{Path: "/moved"}, web, ""},
		{"redirect is none of these", Check{Path: "/moved", Status: []StatusRange{{200, 299}}}, web, "HTTP status 302"},
		{"early hints aside", Check{Path: "/hints", Status: []StatusRange{{200, 200}}}, web, ""},
		{"what is asked", Check{Path: "/told?a=b", Host: "www.example.com", Body: "GET www.example.com /told?a=b HTTP/1.1 snatctl-health"}, web, ""},
		{"host is the address", Check{Path: "/told", Body: "GET " + web + " /told"}, web, ""},
		{"HEAD", Check{Path: "/ok", Method: "HEAD"}, web, ""},
		{"slow", Check{Path: "/slow", Timeout: short}, web, "connected, but no answer in 300ms"},
		{"body without end", Check{Path: "/drips", Body: "end", Timeout: short}, web, "connected, but no answer in 300ms"},
		{"body without end, found before", Check{Path: "/drips", Body: "beg"}, web, ""},
		{"refused", Check{}, refused(t, "tcp"), "connection refused"},
		{"silent", Check{Timeout: short}, silentServer(t), "no answer in 300ms"},
		{"half open", Check{Timeout: short}, serveTCP(t, hold), "connected, but no answer in 300ms"},
		{"closed", Check{}, serveTCP(t, func(c net.Conn) { c.Read(make([]byte, 4096)) }), "connection closed without an HTTP answer"},
		{"reset", Check{}, serveTCP(t, abort), "connection reset"},
		{"no HTTP", Check{}, serveTCP(t, say("220 mx ESMTP\r\n")), `answer is no HTTP: bad status code "mx"`},
		{"path is nonsense", Check{Path: "/%zz"}, web, `not checked: parse "http://` + web + `/%zz": invalid URL escape "%zz"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = HTTP
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHTTPS(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	ca := authority.New(t)
	good := ca.Issue(t, "www.example.com", now.Add(-day), now.Add(day))
	web, ca2 := secureSite(t, good, true), authority.New(t)
	old := secureSite(t, good, false)
	expired := secureSite(t, ca.Issue(t, "www.example.com", now.Add(-10*day), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)), true)
	early := secureSite(t, ca.Issue(t, "www.example.com", time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2091, 1, 1, 0, 0, 0, 0, time.UTC)), true)
	verify := Check{Verify: true, CA: ca.File, Host: "www.example.com", Path: "/ok"}
	with := func(change func(*Check)) Check {
		k := verify
		change(&k)
		return k
	}
	bare := httptest.NewServer(http.HandlerFunc(site))
	defer bare.Close()
	noCert := filepath.Join(t.TempDir(), "empty.pem")
	os.WriteFile(noCert, []byte("nothing\n"), 0o600)
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"ok", verify, web, ""},
		{"HTTP/2", with(func(k *Check) { k.Path, k.Body = "/told", "GET www.example.com /told HTTP/2.0" }), web, ""},
		{"HTTP/1.1", with(func(k *Check) { k.Path, k.Body = "/told", "GET www.example.com /told HTTP/1.1" }), old, ""},
		{"SNI wins over host", with(func(k *Check) { k.Host, k.SNI = "other.example.com", "www.example.com" }), web, ""},
		{"host with a port", with(func(k *Check) { k.Host = "www.example.com:8443" }), web, ""},
		{"500 by HTTP/2", with(func(k *Check) { k.Path = "/broken" }), web, "HTTP status 500"},
		{"wrong body by HTTP/2", with(func(k *Check) { k.Body = "fine" }), web, `body lacks "fine": "all is ok"`},
		{"slow by HTTP/2", with(func(k *Check) { k.Path, k.Timeout = "/slow", 300*time.Millisecond }), web, "connected, but no answer in 300ms"},
		{"slow by HTTP/1.1", with(func(k *Check) { k.Path, k.Timeout = "/slow", 300*time.Millisecond }), old, "connected, but no answer in 300ms"},
		{"expired", verify, expired, "certificate expired 2026-01-01"},
		{"expired, not verified", Check{Path: "/ok"}, expired, ""},
		{"too early", verify, early, "certificate not valid before 2090-01-01"},
		{"wrong name", with(func(k *Check) { k.Host = "shop.example.com" }), web, `certificate is not for "shop.example.com" but "www.example.com"`},
		{"the address is no name of it", with(func(k *Check) { k.Host = "" }), web, `certificate is not for "127.0.0.1" but "www.example.com"`},
		{"unknown authority", with(func(k *Check) { k.CA = ca2.File }), web, "certificate signed by unknown authority"},
		{"unknown to the system", with(func(k *Check) { k.CA = "" }), web, "certificate signed by unknown authority"},
		{"no file", with(func(k *Check) { k.CA = "/no/such.pem" }), web, "not checked: stat /no/such.pem: no such file or directory"},
		{"no certificates in the file", with(func(k *Check) { k.CA = noCert }), web, "not checked: no certificates in " + noCert},
		{"no TLS", verify, bare.Listener.Addr().String(), "answer is no TLS"},
		{"half open", with(func(k *Check) { k.Timeout = short }), serveTCP(t, hold), "connected, but no answer in 300ms"},
		{"closed", verify, serveTCP(t, func(c net.Conn) { c.Read(make([]byte, 4096)) }), "connection closed in the TLS handshake"},
		{"refused", verify, refused(t, "tcp"), "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = HTTPS
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestRootsChange replaces the file of authorities between two checks.
func TestRootsChange(t *testing.T) {
	ca, other := authority.New(t), authority.New(t)
	web := secureSite(t, ca.Issue(t, "www.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), true)
	file := filepath.Join(t.TempDir(), "ca.pem")
	p := newProbes(Options{})
	for i, a := range []*authority.Authority{other, ca} {
		text, _ := os.ReadFile(a.File)
		os.WriteFile(file, text, 0o600)
		os.Chtimes(file, time.Time{}, time.Unix(int64(1000+i), 0))
		res := p.run(t.Context(), Target{To: addrPort(web), Check: &Check{Type: HTTPS, Host: "www.example.com", Path: "/ok", Verify: true, CA: file, Timeout: 5 * time.Second}})
		if want := a.File == ca.File; want != (res.problem == "") {
			t.Errorf("file %d: %q", i, res.problem)
		}
	}
}

// secureSite serves the site by TLS, by HTTP/2 or by HTTP/1.1 alone.
func secureSite(t testing.TB, cert tls.Certificate, http2 bool) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(site))
	srv.EnableHTTP2 = http2
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "https://")
}
