package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// Served is what the API needs of an agent.
type Served interface {
	Snapshot() agent.Snapshot
	Services() []agent.Service
	State() policy.State
	Override(ctx context.Context, o agent.Order) (agent.Service, error)
	Reroute(ctx context.Context, o agent.UplinkOrder) (agent.Uplink, error)
	Apply(ctx context.Context, r agent.Request, hash string, hears func(gateway.Event)) (agent.Outcome, error)
	Clean(ctx context.Context, hears func(gateway.Event)) (gateway.Cleaned, error)
	Revert(ctx context.Context) error
	Reload()
}

// Server answers requests.
type Server struct {
	http http.Server
	stop context.CancelFunc // ends streams
}

// Serve begins to answer at a listener: what is about the agent, and what others answer, by path. failed is
// called if that ends before Close.
func Serve(l net.Listener, a Served, others map[string]http.Handler, failed func(error)) *Server {
	m := handler(a)
	for path, h := range others {
		m.Handle(path, h)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{http: http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}, stop: stop}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	}()
	return s
}

// lastWords is how long those who asked may take to hear the end.
const lastWords = 2 * time.Second

// Close takes no more requests, and lets those that wait for an answer have it, but not long.
func (s *Server) Close() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	_ = s.http.Shutdown(ctx)
}

// handler answers requests.
func handler(a Served) *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET "+pathAgent, func(w http.ResponseWriter, _ *http.Request) { reply(w, a.Snapshot()) })
	m.HandleFunc("GET "+pathServices, func(w http.ResponseWriter, _ *http.Request) { reply(w, a.Services()) })
	m.HandleFunc("GET "+pathState, func(w http.ResponseWriter, _ *http.Request) { reply(w, a.State()) })
	m.HandleFunc("POST "+pathServers, func(w http.ResponseWriter, r *http.Request) {
		var o agent.Order
		if !body(w, r, &o) {
			return
		}
		s, err := a.Override(r.Context(), o)
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		reply(w, s)
	})
	m.HandleFunc("POST "+pathUplinks, func(w http.ResponseWriter, r *http.Request) {
		var o agent.UplinkOrder
		if !body(w, r, &o) {
			return
		}
		u, err := a.Reroute(r.Context(), o)
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		reply(w, u)
	})
	m.HandleFunc("POST "+pathReload, func(w http.ResponseWriter, _ *http.Request) {
		a.Reload()
		reply(w, struct{}{})
	})
	m.HandleFunc("POST "+pathCleanup, func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Clean(context.WithoutCancel(r.Context()), nil)
		reply(w, Cleaned{c, *endOf(err)})
	})
	m.HandleFunc("POST "+pathRevert, func(w http.ResponseWriter, r *http.Request) {
		if err := a.Revert(r.Context()); err != nil {
			refuse(w, http.StatusConflict, err)
			return
		}
		reply(w, struct{}{})
	})
	m.HandleFunc("POST "+pathApply, func(w http.ResponseWriter, r *http.Request) { apply(w, r, a) })
	return m
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked is gone
}

// refuse answers with an End.
func refuse(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	kind := Refused
	if code == http.StatusConflict {
		kind = Busy
	}
	_ = json.NewEncoder(w).Encode(End{kind, err.Error()})
}

// mostRequest bounds the bytes of a request.
const mostRequest = 1 << 20

func body(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("the request cannot be read: %w", err))
		return false
	}
	return true
}

// lines writes lines to who asked. Who is gone, or does not read, holds up nothing.
type lines struct {
	mu   sync.Mutex
	out  io.Writer
	to   *http.ResponseController
	gone bool
}

// slow is how long who asked may take to read a line.
const slow = time.Second

func (s *lines) write(l Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	_ = s.to.SetWriteDeadline(time.Now().Add(slow))
	s.gone = json.NewEncoder(s.out).Encode(l) != nil || s.to.Flush() != nil
}

// apply has the policy applied and tells what happens. Who hangs up stops nothing.
func apply(w http.ResponseWriter, r *http.Request, a Served) {
	var req ApplyRequest
	if !body(w, r, &req) {
		return
	}
	if s := a.Snapshot(); !slices.Equal(req.Files, s.Files) {
		refuse(w, http.StatusConflict, OtherFiles(s))
		return
	}
	ctx := context.WithoutCancel(r.Context())
	w.Header().Set("Content-Type", "application/jsonl")
	out := &lines{out: w, to: http.NewResponseController(w)}
	o, err := a.Apply(ctx, req.Request, req.Hash, func(e gateway.Event) {
		if l := lineOf(e); l != (Line{}) {
			out.write(l)
		}
	})
	var left *gateway.IncompleteError
	if err == nil || errors.As(err, &left) {
		l := AppliedLine{Result: o.Result, Told: o.Result.Told(), Hash: o.Hash}
		if o.Trial != nil {
			l.Confirm = o.Trial.Left()
		}
		out.write(Line{Applied: &l})
	}
	if o.Trial != nil {
		if verdict := o.Trial.Wait(); verdict != nil {
			err = verdict
		}
	}
	out.write(Line{End: endOf(err)})
}

// OtherFiles says that an agent keeps other files than those asked for.
func OtherFiles(s agent.Snapshot) error {
	way := "apply that"
	if len(s.Files) > 0 && !(policy.Source{Name: s.Files[0]}).IsFile() {
		way = "`snatctl publish` there"
	}
	return fmt.Errorf("table inet %s is held by the agent (process %d), which keeps it as %s says; nothing was changed (%s, or let --take-over end the agent's hold first)", s.Table, s.PID, strings.Join(s.Files, ", "), way)
}
