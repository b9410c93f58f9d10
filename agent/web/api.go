package web

import (
	"bytes"
	"context"
	_ "embed" // openapi.json
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/gateway"
)

// API is what programs ask for: the JSON that commands print.
type API struct {
	Snapshot func() agent.Snapshot
	Services func() []agent.Service
	Figures  func(context.Context) (*traffic.Figures, error)
	Picture  func() (*gateway.Picture, error) // tells whom flows belong to
	Events   *Events

	once     sync.Once
	handlers map[string]http.Handler
	whole    chan struct{} // one for each status of all that is being written
}

// mostWhole is how many of them are written at a time: with very many services each takes a second of a core.
const mostWhole = 4

// Paths of the API.
const (
	pathAgent    = "/api/v1/agent"
	pathServices = "/api/v1/services"
	pathStatus   = "/api/v1/status"
	pathFlows    = "/api/v1/flows"
	pathEvents   = "/api/v1/events"
	pathOpenAPI  = "/api/v1/openapi.json"
)

// Handlers are what answers, by path: always the same ones. They are also for the unix socket, which has
// requests that change something beside them.
func (a *API) Handlers() map[string]http.Handler {
	a.once.Do(func() {
		flows := &flows{picture: a.Picture, turn: make(chan struct{}, 1)}
		a.whole = make(chan struct{}, mostWhole)
		a.handlers = map[string]http.Handler{
			pathStatus:  asks(a.status, "service", "zone"),
			pathFlows:   asks(flows.list, flowKeys...),
			pathEvents:  asks(a.Events.serve),
			pathOpenAPI: asks(openAPI),
		}
	})
	return a.handlers
}

// MountAPI mounts the API, and a 404 for programs.
func (s *Server) MountAPI(a *API) {
	for path, h := range a.Handlers() {
		s.Mount(path, h)
	}
	s.Mount(pathAgent, asks(func(w http.ResponseWriter, _ *http.Request, _ url.Values) error { return reply(w, a.Snapshot()) }))
	s.Mount(pathServices, asks(func(w http.ResponseWriter, _ *http.Request, _ url.Values) error { return reply(w, a.Services()) }))
	s.Mount("/api/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusNotFound, "nothing is here: "+pathOpenAPI+" says what is")
	}))
}

// refusal is why a request is not answered, with its status.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return r.text }

// asks answers by a function that gets the query, in which only some keys may stand, each once: one that is
// misspelled would select everything. An error that is no refusal is the gateway's: 503.
func asks(answer func(http.ResponseWriter, *http.Request, url.Values) error, keys ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			refuse(w, r, http.StatusBadRequest, "the query cannot be read: "+err.Error())
			return
		}
		for k, values := range q {
			switch {
			case len(keys) == 0:
				refuse(w, r, http.StatusBadRequest, fmt.Sprintf("unknown parameter %q: there are none here", k))
				return
			case !slices.Contains(keys, k):
				refuse(w, r, http.StatusBadRequest, fmt.Sprintf("unknown parameter %q: use %s", k, strings.Join(keys, ", ")))
				return
			case len(values) > 1:
				refuse(w, r, http.StatusBadRequest, fmt.Sprintf("parameter %q stands there %d times", k, len(values)))
				return
			}
		}
		err = answer(w, r, q)
		switch no, refused := err.(*refusal); {
		case refused:
			refuse(w, r, no.code, no.text)
		case err != nil:
			refuse(w, r, http.StatusServiceUnavailable, err.Error())
		}
	})
}

const typeJSON = "application/json"

// reply answers with a value.
func reply(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", typeJSON)
	_ = json.NewEncoder(w).Encode(v) // who asked is gone
	return nil
}

// status answers as `snatctl status --format json` prints.
func (a *API) status(w http.ResponseWriter, r *http.Request, q url.Values) error {
	if len(q) == 0 {
		select {
		case a.whole <- struct{}{}:
			defer func() { <-a.whole }()
		default:
			tooMany(w, r, "status is being written for others")
			return nil
		}
	}
	f, err := a.Figures(r.Context())
	if err != nil {
		return err
	}
	s := f.Survey
	if err := report.Narrow(&s.Report, q.Get("service"), q.Get("zone")); err != nil {
		return &refusal{http.StatusNotFound, err.Error()}
	}
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Last-Modified", f.At.UTC().Format(http.TimeFormat))
	if r.Method != http.MethodHead {
		_ = report.Status(w, s, report.Keep(a.Snapshot(), a.Services())) // who asked is gone
	}
	return nil
}

//go:embed openapi.json
var description []byte

// Description is the OpenAPI description of all that is answered.
func Description() []byte { return bytes.Clone(description) }

func openAPI(w http.ResponseWriter, _ *http.Request, _ url.Values) error {
	w.Header().Set("Content-Type", typeJSON)
	_, _ = w.Write(description) // who asked is gone
	return nil
}
