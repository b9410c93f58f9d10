package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// api is one of a table with a service and a zone, whose figures cannot be read while err is set.
func api(err *error) *API {
	figures := &traffic.Figures{At: time.Now(), Survey: gateway.Survey{Report: ct.Report{
		Services: []ct.ServiceReport{{Name: "web", VIP: []string{}, Ports: []string{}, Servers: []ct.ServerReport{{Address: netip.MustParseAddr("192.168.1.1")}}}},
		Zones:    []ct.ZoneReport{{Name: "office", Laddrs: []ct.LaddrReport{}}},
	}}}
	return &API{
		Snapshot: func() agent.Snapshot { return agent.Snapshot{Policy: agent.Policy{Hash: "abc"}} },
		Services: func() []agent.Service { return []agent.Service{{Name: "web"}} },
		Figures:  func(context.Context) (*traffic.Figures, error) { return figures, *err },
		Picture:  func() (*gateway.Picture, error) { return nil, *err },
		Events:   NewEvents(),
	}
}

// Requests that cannot be answered get a status and a reason, as JSON.
func TestAPIRefuses(t *testing.T) {
	t.Parallel()
	var failed error
	s := open(t, Options{})
	s.MountAPI(api(&failed))
	for _, c := range []struct {
		path string
		err  error
		code int
		want string
	}{
		{"/api/v1/status", nil, 200, `{"services":[{"name":"web",`},
		{"/api/v1/status?service=web", nil, 200, `"zones":[]`},
		{"/api/v1/status?service=wbe", nil, 404, `(did you mean \"web\"?)`},
		{"/api/v1/status?services=web", nil, 400, `unknown parameter \"services\": use service, zone`},
		{"/api/v1/status?zone=a&zone=b", nil, 400, `parameter \"zone\" stands there 2 times`},
		{"/api/v1/status?%", nil, 400, "the query cannot be read"},
		{"/api/v1/status", errors.New("the kernel says no"), 503, `{"error":"the kernel says no"}`},
		{"/api/v1/flows", errors.New("the kernel says no"), 503, `{"error":"the kernel says no"}`},
		{"/api/v1/flows?limit=0", nil, 400, "limit: "},
		{"/api/v1/flows?limit=10001", nil, 400, "is no number from 1 to 10000"},
		{"/api/v1/flows?offset=-1", nil, 400, "offset: "},
		{"/api/v1/flows?laddr=x", nil, 400, "laddr: "},
		{"/api/v1/flows?real-server=web", nil, 400, "real-server: "},
		{"/api/v1/flows?past=maybe", nil, 400, "neither true nor false"},
		{"/api/v1/events?x=1", nil, 400, "there are none here"},
		{"/api/v1/agent", nil, 200, `"hash":"abc"`},
		{"/api/v1/services", nil, 200, `[{"name":"web"`},
		{"/api/v1/openapi.json", nil, 200, `"openapi": "3.1.0"`},
		{"/api/v1/servers", nil, 404, `{"error":"nothing is here`},
		{"/api/v2/", nil, 404, `{"error":"nothing is here`},
	} {
		failed = c.err
		resp, body := ask(t, request(t, "GET", s.url(c.path)))
		if resp.StatusCode != c.code || !strings.Contains(body, c.want) || !json.Valid([]byte(body)) || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s, want %d %s", c.path, resp.StatusCode, resp.Header.Get("Content-Type"), body, c.code, c.want)
		}
	}
}

// What is asked for by flags of a command is asked for by the same names here.
func TestFlowPage(t *testing.T) {
	q, err := url.ParseQuery("zone=office&service=web&laddr=198.51.100.1&real-server=[2001:db8::1]:80&client=10.0.0.0/8&proto=17&state=new&past=1&limit=5&offset=7")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := pageOf(q); err != nil || p.limit != 5 || p.offset != 7 {
		t.Errorf("it is read as %+v, %v", p, err)
	}
	if p, err := pageOf(url.Values{}); err != nil || p.limit != usualPage || p.offset != 0 {
		t.Errorf("nothing is read as %+v, %v", p, err)
	}
}

// The status of all is written for a few at a time; that of one service for all who ask.
func TestTooManyStatus(t *testing.T) {
	t.Parallel()
	var none error
	a := api(&none)
	figures, let := a.Figures, make(chan struct{})
	begun := make(chan struct{}, mostWhole)
	a.Figures = func(ctx context.Context) (*traffic.Figures, error) {
		select {
		case begun <- struct{}{}:
			<-let
		default:
		}
		return figures(ctx)
	}
	s := open(t, Options{})
	s.MountAPI(a)
	var asking sync.WaitGroup
	for range mostWhole {
		asking.Go(func() {
			if resp, err := http.Get(s.url("/api/v1/status")); err != nil || resp.StatusCode != 200 {
				t.Errorf("one of those that have room: %v, %v", resp, err)
			}
		})
	}
	for len(begun) < mostWhole {
		time.Sleep(time.Millisecond)
	}
	if resp, body := ask(t, request(t, "GET", s.url("/api/v1/status"))); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", resp.StatusCode, body)
	}
	if resp, body := ask(t, request(t, "GET", s.url("/api/v1/status?service=web"))); resp.StatusCode != 200 {
		t.Errorf("of one service: %d %s", resp.StatusCode, body)
	}
	close(let)
	asking.Wait()
}
