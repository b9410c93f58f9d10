package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/snatctl/snatctl/secret"
)

// certificates are the files of TLS. Files that cannot be taken any more leave those before in use: a
// renewal writes several files, and is seen between them. They are safe for concurrent use.
type certificates struct {
	o Options

	mu   sync.Mutex // over what follows
	seen [3]stamp
	now  *tls.Config
}

// tls is how connections are made secure; nil if they are not.
func (o *Options) tls() (*tls.Config, error) {
	if o.Cert == "" {
		return nil, nil
	}
	c := &certificates{o: *o}
	c.seen = c.stamps()
	var err error
	if c.now, err = c.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil }}, nil
}

func (c *certificates) stamps() (all [3]stamp) {
	for i, path := range []string{c.o.Cert, c.o.Key, c.o.ClientCA} {
		if path != "" {
			all[i], _ = stampOf(path) // reading it says what is wrong
		}
	}
	return all
}

// read reads the files.
func (c *certificates) read() (*tls.Config, error) {
	key, err := secret.Read(c.o.Key)
	if err != nil {
		return nil, fmt.Errorf("--http-tls-key: %w", err)
	}
	cert, err := os.ReadFile(c.o.Cert)
	if err != nil {
		return nil, fmt.Errorf("--http-tls-cert: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--http-tls-cert %s with --http-tls-key %s: %w", c.o.Cert, c.o.Key, err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if c.o.ClientCA == "" {
		return t, nil
	}
	ca, err := os.ReadFile(c.o.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("--http-tls-client-ca: %w", err)
	}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !t.ClientCAs.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("--http-tls-client-ca %s: %w", c.o.ClientCA, errors.New("it holds no certificate (PEM)"))
	}
	return t, nil
}

// current is how the next connection is made secure, by the files as they are now.
func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.stamps()
	if now == c.seen {
		return c.now
	}
	c.seen = now
	t, err := c.read()
	if err != nil {
		c.o.Log.Error("http_tls_refused", "error", err)
		return c.now
	}
	c.o.Log.Info("http_tls_read", "file", c.o.Cert)
	c.now = t
	return t
}
