package web

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/authority"
)

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
