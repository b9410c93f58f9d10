package page

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/internal/golden"
)

// facts is a source whose facts a test changes.
type facts struct{ now atomic.Pointer[Facts] }

func of(f Facts) *facts {
	out := &facts{}
	out.now.Store(&f)
	return out
}

func (f *facts) source() *Source {
	return &Source{look: func(context.Context) *Whole { return Join(*f.now.Load()) }}
}

func get(t *testing.T, h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The parts of the page, as they are sent to browsers.
func TestParts(t *testing.T) {
	time.Local = time.UTC
	var b strings.Builder
	v := NewView(Join(sample()), Query{}, "")
	for _, name := range parts {
		fmt.Fprintf(&b, "<!-- %s -->\n", name)
		if err := templates().ExecuteTemplate(&b, name, v); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	}
	const path = "testdata/parts.html"
	if golden.Updating() {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the page differs (-want +got); -update accepts what is new:\n%s", diff)
	}
}

// Nothing on the page comes from elsewhere, and its policy of content allows its own script and style alone.
func TestPageIsWhole(t *testing.T) {
	w := get(t, Handler(of(sample()).source()), "/")
	body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	if w.Code != http.StatusOK || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("it answers %d with the policy %s", w.Code, policy)
	}
	for tag, sum := range map[string]string{"style": style, "script": script} {
		_, rest, _ := strings.Cut(body, "<"+tag+">")
		text, _, found := strings.Cut(rest, "</"+tag+">")
		if !found || text != sum || !strings.Contains(policy, sumOf(text)) {
			t.Errorf("its %s is not what the policy allows", tag)
		}
	}
	for _, bad := range []string{`\son[a-z]+=`, `\sstyle=`, `(src|href|action)="(https?:)?//`, `@import`, `url\(`} {
		if found := regexp.MustCompile(bad).FindString(body); found != "" {
			t.Errorf("it holds %q", found)
		}
	}
}

// Text from outside stays text, in HTML and in CSV.
func TestTextFromOutside(t *testing.T) {
	f := sample()
	evil := `<img src=x onerror="alert(1)">`
	f.Services[0].Name, f.Figures.Services[0].Name = evil, evil
	f.Services[0].Servers[2].Error = "</script><script>alert(2)</script>\x1b[31m"
	f.Services[1].Name = `=cmd|' /C calc'!A0`
	f.Agent.Policy.AppliedBy = evil
	f.Agent.Policy.Findings = []string{evil}
	f.Findings = []Finding{{"warning", "S15", evil, evil}}
	h := Handler(of(f).source())
	for _, target := range []string{"/", "/?q=%3Cimg%20src%3Dx%20onerror%3D1%3E", "/?service=%22%3E%3Cscript%3E"} {
		body := get(t, h, target).Body.String()
		if strings.Contains(body, "<img") || strings.Contains(body, "<script>alert") || strings.Contains(body, "\x1b") || strings.Count(body, "<script") != 1 {
			t.Errorf("%s lets it through", target)
		}
	}
	rows, err := csv.NewReader(get(t, h, "/services.csv").Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("a spreadsheet takes %q for a formula", c)
			}
		}
	}
	var list []serviceRecord
	if err := json.Unmarshal(get(t, h, "/services.json").Body.Bytes(), &list); err != nil || len(list) != 5 {
		t.Errorf("services.json has %d services: %v", len(list), err)
	}
}

// The twins hold what the tables do, on all pages, and what is asked for alone.
func TestTwins(t *testing.T) {
	h := Handler(of(manyServices(3 * perPage)).source())
	for target, want := range map[string]int{"/services.csv": 1 + 3*perPage*5, "/services.csv?only=wrong": 1 + 5, "/services.csv?q=svc-00007&page=9": 1 + 5, "/zones.csv": 1 + 3 + 4, "/zones.csv?zone=cgn": 1 + 3} {
		rows, err := csv.NewReader(get(t, h, target).Body).ReadAll()
		if err != nil || len(rows) != want {
			t.Errorf("%s has %d lines, want %d (%v)", target, len(rows), want, err)
		}
	}
	for target, want := range map[string]int{"/services.json": 3 * perPage, "/services.json?only=wrong": 1, "/zones.json": 3, "/zones.json?zone=nobody": 0} {
		var list []map[string]any
		if err := json.Unmarshal(get(t, h, target).Body.Bytes(), &list); err != nil || len(list) != want || list == nil {
			t.Errorf("%s has %d, want %d (%v)", target, len(list), want, err)
		}
	}
}

// Without figures the page shows what is known, and says what is not.
func TestUnmeasured(t *testing.T) {
	f := sample()
	f.Figures, f.Unmeasured = nil, "no such table"
	body := get(t, Handler(of(f).source()), "/").Body.String()
	for _, want := range []string{"flows are not known: no such table", "192.168.1.3", "no answer in 250ms"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// Colours that were chosen are remembered by a cookie, and the address has them no more.
func TestTheme(t *testing.T) {
	h := Handler(of(sample()).source())
	w := get(t, h, "/?theme=dark&q=web")
	if got := w.Header(); w.Code != http.StatusSeeOther || got.Get("Location") != "./?q=web" || !strings.HasPrefix(got.Get("Set-Cookie"), "snatctl-theme=dark; Max-Age=34560000; SameSite=Strict") {
		t.Errorf("it answers %d %v", w.Code, got)
	}
	if body := get(t, h, "/", "Cookie", "snatctl-theme=dark").Body.String(); !strings.Contains(body, `data-theme="dark"`) {
		t.Error("the cookie is not read")
	}
	if body := get(t, h, "/", "Cookie", "snatctl-theme=red").Body.String(); strings.Contains(body, "red\"") {
		t.Error("any cookie is taken")
	}
	if w := get(t, h, "/?theme="); !strings.HasPrefix(w.Header().Get("Set-Cookie"), "snatctl-theme=; Max-Age=0") {
		t.Errorf("it is not forgotten: %v", w.Header())
	}
}

// What awaits confirmation, and drift that stays, are problems.
func TestAgentTroubles(t *testing.T) {
	f := sample()
	f.Agent.Policy.Error = ""
	f.Agent.Trial = &agent.Trial{User: "bob", Until: noon.Add(time.Minute)}
	f.Agent.Drift.Standing = []tell.Change{{Action: tell.ChangeObject, Kind: tell.KindZone, Name: "office", Detail: "its laddrs"}}
	f.Uplinks = append(f.Uplinks, uplinks([]gateway.Uplink{{Name: "ppp*"}}, nil, nil)...)
	f.Figures.Conntrack.Entries = f.Figures.Conntrack.Max - 1
	var got []string
	for _, x := range Join(f).Troubles {
		got = append(got, x.Standing.Class()+" "+x.Object+" "+x.Kind)
	}
	want := []string{"failed table drift", "failed conntrack full", "failed uplink ppp* gone", "failed service shop state", "degraded policy trial", "degraded service web state", "degraded zone cgn full"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the problems are (-want +got)\n%s", diff)
	}
}

// 30,000 services of four real servers: the page is there in a moment.
func BenchmarkPage(b *testing.B) {
	f := manyServices(30000)
	w := Join(f)
	b.Run("join", func(b *testing.B) {
		for b.Loop() {
			Join(f)
		}
	})
	for name, q := range map[string]Query{"first": {}, "search": {Search: "svc-2999"}, "address": {Search: "10.17.3.4"}, "bytes": {Sort: ByBytes, Page: 700}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := templates().ExecuteTemplate(io.Discard, "page", NewView(w, q, "")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("csv", func(b *testing.B) {
		for b.Loop() {
			if err := servicesCSV(io.Discard, w, Query{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
