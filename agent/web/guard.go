package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// guard lets only those requests pass that read, whose senders may ask, and for which there is room.
type guard struct {
	next    http.Handler
	log     *slog.Logger
	token   *token        // nil: nobody has to know one
	local   bool          // nothing but being on loopback guards the address
	answers chan struct{} // one for each answer that is being made
	every   time.Duration // streams are looked at
}

// policyOfContent lets the page use what comes from here, and nothing else.
const policyOfContent = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers, or refuses.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policyOfContent)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch {
	case g.local && !isLocal(r.Host):
		// A name that somebody points to 127.0.0.1 would let any web page read what is here (DNS rebinding).
		refuse(w, r, http.StatusMisdirectedRequest, fmt.Sprintf("this address is asked for by the name %q: ask for localhost, 127.0.0.1 or [::1], or give the agent --http-token-file", r.Host))
		return
	case g.token != nil && !g.admits(w, r):
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, "only GET and HEAD are answered here: nothing can be changed over --http (commands speak with the agent's socket)")
		return
	case r.ContentLength != 0:
		refuse(w, r, http.StatusRequestEntityTooLarge, "requests that read have no body")
		return
	}
	select {
	case g.answers <- struct{}{}:
	default:
		tooMany(w, r, "too many requests are being answered")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it has been read: an answer may take longer
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &slot{ResponseWriter: w, release: func() { <-g.answers }, streams: func() { g.watch(ctx, cancel, r) }}
	defer s.free()
	defer g.failed(r)
	g.next.ServeHTTP(s, r.WithContext(ctx))
}

// failed logs what kept a handler from answering: net/http would hide it among the errors of clients.
func (g *guard) failed(r *http.Request) {
	if p := recover(); p != nil {
		if p != http.ErrAbortHandler {
			g.log.Error("http_unanswered", "path", r.URL.Path, "error", fmt.Sprint(p))
		}
		panic(http.ErrAbortHandler)
	}
}

// admittedEvery is how often streams are looked at: they last longer than a token.
const admittedEvery = 10 * time.Second

// watch ends a stream once who reads it does not know the token any more.
func (g *guard) watch(ctx context.Context, end func(), r *http.Request) {
	if g.token == nil {
		return
	}
	go func() {
		tick := time.NewTicker(g.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if known, err := g.token.knows(r); !known || err != nil {
				end()
				return
			}
		}
	}()
}

// admits answers those who do not know the token.
func (g *guard) admits(w http.ResponseWriter, r *http.Request) bool {
	known, err := g.token.knows(r)
	switch {
	case err != nil:
		refuse(w, r, http.StatusServiceUnavailable, err.Error())
	case !known:
		w.Header().Add("WWW-Authenticate", `Basic realm="snatctl: any user, the token as password", charset="UTF-8"`)
		w.Header().Add("WWW-Authenticate", `Bearer realm="snatctl"`)
		w.Header().Set("Connection", "close") // who guesses begins anew
		refuse(w, r, http.StatusUnauthorized, "the token is missing or wrong: Authorization: Bearer TOKEN, or the token as password of any user")
	}
	return known && err == nil
}

// isLocal tells whether a Host names loopback. A browser always names one; simple checks do not.
func isLocal(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, 6.3
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// slot is an answer that is being made. One that turns out to be a stream gives its room back: streams are
// counted by who writes them.
type slot struct {
	http.ResponseWriter
	release, streams func()
	begun            bool
}

func (s *slot) free() {
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// WriteHeader is called by Write, too.
func (s *slot) WriteHeader(code int) {
	if !s.begun && strings.HasPrefix(s.Header().Get("Content-Type"), typeStream) {
		s.free()
		s.streams()
	}
	s.begun = true
	s.ResponseWriter.WriteHeader(code)
}

// Write is here because the header comes with the first one.
func (s *slot) Write(b []byte) (int, error) {
	if !s.begun {
		s.WriteHeader(http.StatusOK)
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (s *slot) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Problem is the body of what is not answered, below /api/.
type Problem struct {
	Error string `json:"error"`
}

// refuse says why a request is not answered: to programs as JSON.
func refuse(w http.ResponseWriter, r *http.Request, code int, text string) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, text, code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(Problem{text}) // who asked is gone
}

// tooMany says that there is no room now.
func tooMany(w http.ResponseWriter, r *http.Request, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	refuse(w, r, http.StatusServiceUnavailable, text+": ask again later")
}
