// Package web is the window of an agent to the network: what it knows, over HTTP, for people, monitoring
// systems and programs. Everything here is read: no request changes anything, whatever it asks for. Requests
// that change something have the unix socket of package api.
//
// It is its own guard. Off loopback it opens only with a token or with client certificates, and whoever
// asks too much, too slowly or too often is refused before anything is read from the kernel.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say where it listens, and who may ask. The files are read again when they change.
type Options struct {
	Address   string // ADDRESS:PORT; without an address all of this host's
	TokenFile string // holds what must be known to be answered; empty: nothing must
	Cert, Key string // PEM files: it speaks TLS with this certificate and its key; empty: it does not
	ClientCA  string // PEM file: only those are answered who have a certificate of these authorities; empty: all
	Log       *slog.Logger
}

// Bounds of what one agent answers. A scrape, a page and a handful of scripts need a small part of them.
const (
	mostConns   = 256              // connections at a time; more get 503
	mostAnswers = 32               // answers being made at a time, without streams; more get 503
	mostHeader  = 16 << 10         // bytes of a request's header
	headerTime  = 5 * time.Second  // for TLS and for the header of a request
	readTime    = 10 * time.Second // for a whole request
	writeTime   = time.Minute      // for a whole answer
	idleTime    = time.Minute      // between requests of a connection
	lastWords   = 2 * time.Second  // for answers that are being made when the agent ends
)

// Server answers requests. Handlers are mounted before Serve is called.
type Server struct {
	o       Options
	l       net.Listener
	guard   guard
	mux     *http.ServeMux
	http    http.Server
	stop    context.CancelFunc // ends streams
	serving sync.WaitGroup
}

// Open takes the address, and reads the files. It answers nobody before Serve. An UnguardedError says
// that the options would show the gateway to everybody.
func Open(o Options) (*Server, error) {
	at, err := o.where()
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, mux: http.NewServeMux()}
	s.guard = guard{next: s.mux, log: o.Log, local: at.IP.IsLoopback() && o.TokenFile == "" && o.Cert == "", answers: make(chan struct{}, mostAnswers), every: admittedEvery}
	if o.TokenFile != "" {
		if s.guard.token, err = openToken(o.TokenFile, o.Log); err != nil {
			return nil, err
		}
	}
	secure, err := o.tls()
	if err != nil {
		return nil, err
	}
	network := "tcp"
	if at.IP.To4() != nil {
		network = "tcp4" // 0.0.0.0 would mean IPv6, too
	}
	l, err := net.ListenTCP(network, at)
	if err != nil {
		return nil, err
	}
	s.l = limit(l, mostConns, secure)
	if secure == nil && !at.IP.IsLoopback() {
		o.Log.Warn("http_in_clear", "address", l.Addr().String(), "hint", "the token can be read on the way: give --http-tls-cert and --http-tls-key, or put a proxy before it")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.http = http.Server{
		Handler: &s.guard, MaxHeaderBytes: mostHeader, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		BaseContext: func(net.Listener) context.Context { return ctx },
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: 16},
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // scanners would fill the log
	}
	s.http.DisableGeneralOptionsHandler = true // net/http would answer "OPTIONS *" itself, whoever asks
	return s, nil
}

// Address is where it listens.
func (s *Server) Address() net.Addr { return s.l.Addr() }

// Mount has a handler answer what is asked for by a path, as http.ServeMux reads it. Only GET and HEAD
// reach it, from those who may ask.
func (s *Server) Mount(path string, h http.Handler) { s.mux.Handle(path, h) }

// Serve begins to answer. failed is called if that ends before Close.
func (s *Server) Serve(failed func(error)) {
	s.serving.Go(func() {
		if err := s.http.Serve(s.l); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	})
}

// Close takes no more requests, ends streams, and lets other answers be finished, but not long.
func (s *Server) Close() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	_ = s.l.Close() // which Shutdown closes only if it was served
	s.serving.Wait()
}
