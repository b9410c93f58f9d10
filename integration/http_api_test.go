package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/snatctl/snatctl/internal/nstest"
)

// described asks an agent over HTTP, and holds every answer against the description that the agent gives.
type described struct {
	at     string // http://ADDRESS:PORT
	client http.Client
	doc    openAPI
	check  *jsonschema.Compiler
	asked  map[string]bool // paths of the description, and whether they were asked for
}

// openAPI is what is used here of an OpenAPI document (3.1).
type openAPI struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]struct {
		Get struct{ Responses map[string]form } `json:"get"`
	} `json:"paths"`
	Components struct{ Responses map[string]form } `json:"components"`
}

// form is an answer: a reference, or the forms that it may have.
type form struct {
	Ref     string `json:"$ref"`
	Content map[string]any
}

// describe reads an agent's description.
func describe(t *testing.T, h *nstest.Host, at string) *described {
	t.Helper()
	d := &described{at: at, check: jsonschema.NewCompiler(), asked: map[string]bool{}}
	d.client.Transport = &http.Transport{DialContext: func(_ context.Context, network, addr string) (net.Conn, error) { return h.Dial(network, "", addr) }}
	resp, err := d.client.Get(at + "/api/v1/openapi.json")
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, json.Unmarshal(text, &d.doc))
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	d.check.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 uses
	d.check.AssertFormat()
	must(t, d.check.AddResource("openapi.json", whole))
	for path := range d.doc.Paths {
		d.asked[path] = false
	}
	if d.doc.OpenAPI != "3.1.0" || len(d.asked) < 8 {
		t.Fatalf("the description is of %s and has %d paths", d.doc.OpenAPI, len(d.asked))
	}
	return d
}

// get asks, checks the answer's status and form, and returns it.
func (d *described) get(t *testing.T, path string, code int) (http.Header, []byte) {
	t.Helper()
	return d.ask(t, http.MethodGet, path, code)
}

func (d *described) ask(t *testing.T, method, path string, code int) (http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, d.at+path, nil)
	must(t, err)
	resp, err := d.client.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != code {
		t.Fatalf("%s %s: %s\n%s", method, path, resp.Status, body)
	}
	if _, known := d.asked[r.URL.Path]; known && (method == http.MethodGet || code != 200) {
		d.asked[r.URL.Path] = true
		if err := d.valid(r.URL.Path, resp, body); err != nil {
			t.Errorf("%s %s is not as described: %v\n%.2000s", method, path, err, body)
		}
	}
	return resp.Header, body
}

// valid compares an answer with its description.
func (d *described) valid(path string, resp *http.Response, body []byte) error {
	at := fmt.Sprintf("/paths/%s/get/responses/%d", strings.ReplaceAll(path, "/", "~1"), resp.StatusCode)
	answer, ok := d.doc.Paths[path].Get.Responses[fmt.Sprint(resp.StatusCode)]
	if !ok {
		return fmt.Errorf("the status %d is not described", resp.StatusCode)
	}
	if answer.Ref != "" {
		at = strings.TrimPrefix(answer.Ref, "#")
		if answer, ok = d.doc.Components.Responses[answer.Ref[strings.LastIndex(answer.Ref, "/")+1:]]; !ok {
			return fmt.Errorf("%s is not there", at)
		}
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if _, ok := answer.Content[kind]; !ok {
		return fmt.Errorf("the type %s is not described", kind)
	}
	if kind != "application/json" {
		return nil
	}
	schema, err := d.check.Compile("openapi.json#" + at + "/content/application~1json/schema")
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// steady is JSON of status without what checks change, which go on.
func steady(t *testing.T, text []byte) string {
	t.Helper()
	if !json.Valid(text) {
		t.Fatalf("no JSON: %.500s", text)
	}
	return regexp.MustCompile(`"(last_check|entries)":[^,]*,`).ReplaceAllString(string(text), "")
}

// Over HTTP an agent answers to the letter what commands print, and everything in the form that its own
// description has. The unix socket answers the same.
func TestAgentAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	a := runAgent(t, s.Gateway, checked, "--http", "127.0.0.1:0")
	d := describe(t, s.Gateway, a.window(t))
	d.get(t, "/api/v1/openapi.json", 200)
	for _, server := range []string{"192.168.1.1", "192.168.1.2", "192.168.1.3"} {
		awaitHealth(t, s.Gateway, "web", server, "up")
	}
	for range 7 {
		c, err := s.Office.Dial("tcp", "", "203.0.113.1:80")
		must(t, err)
		defer c.Close()
	}
	out, err := s.Office.Dial("tcp", "", "8.8.8.8:53")
	must(t, err)
	defer out.Close()

	eventually(t, "status to be what the command prints", func() bool {
		_, api := d.get(t, "/api/v1/status", 200)
		return steady(t, api) == steady(t, []byte(prints(t, s.Gateway, "status", "--format", "json")))
	})
	_, one := d.get(t, "/api/v1/status?service=web", 200)
	if got, want := steady(t, one), steady(t, []byte(prints(t, s.Gateway, "status", "--format", "json", "--service", "web"))); got != want {
		t.Errorf("of one service it is\n%s\nand the command prints\n%s", got, want)
	}
	for query, args := range map[string][]string{
		"":                                      nil,
		"?service=web":                          {"--service", "web"},
		"?zone=office":                          {"--zone", "office"},
		"?real-server=192.168.1.1":              {"--real-server", "192.168.1.1"},
		"?client=10.1.0.0/16&proto=tcp&past=0":  {"--client", "10.1.0.0/16", "--proto", "tcp"},
		"?laddr=198.51.100.1&state=established": {"--laddr", "198.51.100.1", "--state", "established"},
		"?real-server=192.168.1.2:80&service=pair": {"--real-server", "192.168.1.2:80", "--service", "pair"},
	} {
		eventually(t, "flows"+query+" to be what the command prints", func() bool { // checks come and go
			_, api := d.get(t, "/api/v1/flows"+query, 200)
			return sameFlows(t, api, []byte(prints(t, s.Gateway, append([]string{"flows", "--format", "json"}, args...)...)))
		})
	}
	d.pages(t, "/api/v1/flows?service=web&limit=3", 7)

	d.get(t, "/api/v1/agent", 200)
	d.get(t, "/api/v1/services", 200)
	d.get(t, "/metrics", 200)
	d.get(t, "/healthz", 200)
	d.get(t, "/readyz", 200)
	d.get(t, "/api/v1/status?zone=offices", 404)
	d.get(t, "/api/v1/flows?service=nobody", 404)
	d.get(t, "/api/v1/flows?limit=many", 400)
	d.get(t, "/api/v1/agent?x=1", 400)
	for path := range d.asked {
		d.ask(t, http.MethodPost, path, 405)
		d.ask(t, http.MethodHead, path, 200)
	}
	if code, body := curl(t, s.Gateway, "--unix-socket", a.socket, "http://agent/api/v1/status"); code != "200" || steady(t, []byte(body)) == "" {
		t.Errorf("the unix socket answers %s %s", code, body)
	}
	if _, known := d.asked["/api/v1/events"]; !known {
		t.Error("events are not described")
	}
	delete(d.asked, "/api/v1/events") // has no end: TestAgentEvents
	for path, asked := range d.asked {
		if !asked {
			t.Errorf("nobody asked for %s, which is described", path)
		}
	}
}

// sameFlows tells whether two lists have the same flows of services and zones, whatever moves in them meanwhile. On a
// busy machine checks of real servers make other flows between any two lists.
func sameFlows(t *testing.T, a, b []byte) bool {
	t.Helper()
	type flow struct {
		Proto, Src, Dst string
		TranslatedSrc   *string `json:"translated_src"`
		TranslatedDst   *string `json:"translated_dst"`
		Service, Zone   *string
		RealServer      *string `json:"real_server"`
		Laddr           *string
	}
	read := func(text []byte) map[string]flow {
		var all []flow
		must(t, json.Unmarshal(text, &all))
		out := map[string]flow{}
		for _, f := range all {
			if f.Service != nil || f.Zone != nil {
				out[f.Proto+" "+f.Src+" "+f.Dst] = f
			}
		}
		return out
	}
	return reflect.DeepEqual(read(a), read(b))
}

// pages follows the links from a page of flows on: there are so many in all, each once.
func (d *described) pages(t *testing.T, path string, want int) {
	t.Helper()
	seen := map[string]bool{}
	for path != "" {
		h, body := d.get(t, path, 200)
		var page []struct{ Src string }
		must(t, json.Unmarshal(body, &page))
		if len(page) > 3 || len(page) == 0 {
			t.Fatalf("%s has %d flows", path, len(page))
		}
		for _, f := range page {
			seen[f.Src] = true
		}
		link := h.Get("Link")
		if path = ""; link != "" {
			path = strings.TrimPrefix(link[:strings.Index(link, ">")], "<")
		}
	}
	if len(seen) != want {
		t.Errorf("the pages have %d flows, want %d", len(seen), want)
	}
}

// Who listens to events hears of a real server that dies, in the words of the log, and after a pause of what
// came meanwhile. An agent that starts anew says that it knows nothing of that.
func TestAgentEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	a := runAgent(t, s.Gateway, checked, "--http", "127.0.0.1:0")
	awaitHealth(t, s.Gateway, "web", "192.168.1.1", "up")
	next, end := events(t, s.Gateway, a.window(t), "")
	id, _, _ := next()
	dies(t, s.RS[0], "reject with tcp reset")
	for name := ""; name != "server_down"; {
		var data string
		if id, name, data = next(); name == "server_down" && !strings.Contains(data, `"server":"192.168.1.1"`) {
			t.Errorf("it hears %s", data)
		}
	}
	end()
	must(t, os.WriteFile(a.file, []byte(checked+"nonsense\n"), 0o644))
	eventually(t, "the policy to be refused", func() bool { return a.snapshot(t).Policy.Error != "" })
	next, end = events(t, s.Gateway, a.window(t), id)
	for name := ""; name != "policy_refused"; {
		_, name, _ = next()
	}
	end()
	a.write(t, checked)
	a.fits(t, checked)
	a.kill()
	a.start(t)
	eventually(t, "the next agent to answer", func() bool { return len(a.logged("http_listening")) == 2 })
	next, end = events(t, s.Gateway, a.window(t), id)
	if _, name, data := next(); name != "missed" || data != `{"lost":null}` {
		t.Errorf("of the agent before it hears %s %s", name, data)
	}
	end()
}

// events listens to an agent, from behind an event on.
func events(t *testing.T, h *nstest.Host, at, last string) (next func() (id, name, data string), end func()) {
	t.Helper()
	c, err := h.Dial("tcp", "", strings.TrimPrefix(at, "http://"))
	must(t, err)
	header := ""
	if last != "" {
		header = "Last-Event-ID: " + last + "\r\n"
	}
	_, err = fmt.Fprintf(c, "GET /api/v1/events HTTP/1.0\r\n%s\r\n", header)
	must(t, err)
	in := bufio.NewScanner(c)
	return func() (id, name, data string) {
		t.Helper()
		for in.Scan() {
			key, value, _ := strings.Cut(in.Text(), ": ")
			switch key {
			case "id":
				id = value
			case "event":
				name = value
			case "data":
				data = value
			case "":
				if id != "" {
					return id, name, data
				}
			}
		}
		t.Fatalf("the stream ends: %v", in.Err())
		return
	}, func() { _ = c.Close() }
}
