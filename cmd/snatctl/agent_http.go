package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/metrics"
	"github.com/snatctl/snatctl/agent/page"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/agent/web"
)

// httpFlags adds --http and what belongs to it.
func httpFlags(c *cobra.Command, o *web.Options) {
	f := c.Flags()
	f.StringVar(&o.Address, "http", "", "answer over HTTP at this `address:port` those who only read: page, metrics, API (docs/http.md); off unless given")
	f.StringVar(&o.TokenFile, "http-token-file", "", "with --http: answer only those who know the token in this `file`, as bearer or as password")
	f.StringVar(&o.Cert, "http-tls-cert", "", "with --http: speak TLS with the certificate in this `file` (PEM)")
	f.StringVar(&o.Key, "http-tls-key", "", "with --http: its key, a `file` (PEM)")
	f.StringVar(&o.ClientCA, "http-tls-client-ca", "", "with --http: answer only those with a certificate of the authorities in this `file` (PEM)")
}

// openHTTP takes the address of --http; without one it returns nil. What it answers is mounted later.
func openHTTP(o web.Options, log *slog.Logger) (*web.Server, error) {
	if o.Log = log; o.Address == "" {
		if o != (web.Options{Log: log}) {
			return nil, exit{exitUsage, errors.New("--http-token-file, --http-tls-cert, --http-tls-key and --http-tls-client-ca are about --http ADDRESS:PORT: give it, too")}
		}
		return nil, nil
	}
	s, err := web.Open(o)
	var unguarded *web.UnguardedError
	switch {
	case errors.As(err, &unguarded):
		return nil, exit{exitUsage, err}
	case err != nil:
		return nil, exit{exitRefused, fmt.Errorf("answer over HTTP: %w; nothing was changed", err)}
	}
	return s, nil
}

// serveHTTP begins to answer what an agent knows, and what is counted. Without a server it does nothing.
func serveHTTP(s *web.Server, a *agent.Agent, counts *traffic.Sampler, known *web.API, m *metrics.Metrics, log *slog.Logger) {
	if s == nil {
		return
	}
	s.MountHealth(a.Snapshot)
	s.MountAPI(known)
	s.Mount("/", page.Handler(page.Of(a, counts, versionText())))
	s.Mount("/metrics", m.Handler(a, counts.Figures))
	s.Serve(func(err error) { log.Error("http_unserved", "error", err) })
	log.Info("http_listening", "address", s.Address().String())
}
