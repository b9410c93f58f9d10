// Package page is the status page of an agent: one page, embedded, with nothing from elsewhere. It works
// without JavaScript, as tables with links; with it, it refreshes itself.
//
//	GET /               the page; see Query for what may stand behind the "?"
//	GET /updates        its parts as they change, as server-sent events (HTML Standard, 9.2); same query
//	GET /services.csv   what the tables show, for programs; same query, all pages
//	GET /services.json
//	GET /zones.csv
//	GET /zones.json
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"net/http"
	"strings"
	"sync"
)

//go:embed assets/page.html
var markup string

//go:embed assets/page.css
var style string

//go:embed assets/page.js
var script string

// templates are made when a page is first asked for: most commands never show one.
var templates = sync.OnceValue(func() *template.Template { return template.Must(template.New("").Funcs(words).Parse(markup)) })

// security lets the page run its own script and style, known by their sums (CSP Level 3, 2.3.1), and
// nothing else.
var security = "default-src 'none'; script-src " + sumOf(script) + "; style-src " + sumOf(style) +
	"; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Handler answers at all paths of the page.
func Handler(s *Source) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { show(w, r, s) })
	m.Handle("GET /updates", &streams{source: s, free: room(mostStreams)})
	for _, t := range twins {
		m.HandleFunc("GET /"+t.name, func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, s) })
	}
	return m
}

// show answers with the page.
func show(w http.ResponseWriter, r *http.Request, s *Source) {
	values := r.URL.Query()
	if values.Has("theme") {
		choose(w, r)
		return
	}
	var b bytes.Buffer
	v := NewView(s.Whole(r.Context()), ParseQuery(values), themeOf(r))
	v.Style, v.Script = template.CSS(style), template.JS(script)
	if err := templates().ExecuteTemplate(&b, "page", v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", security)
	h.Set("Cache-Control", "no-store")
	out, end := squeezed(w, r)
	_, _ = out.Write(b.Bytes()) // who asked is gone
	_ = end()
}

// themeCookie remembers the colours that a reader chose. Nothing else is remembered.
const themeCookie = "snatctl-theme"

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "dark" || c.Value == "light") {
		return c.Value
	}
	return ""
}

// choose remembers the colours, and leads back to the page without them in its address.
func choose(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	c := &http.Cookie{Name: themeCookie, Value: values.Get("theme"), MaxAge: 400 * 24 * 3600, SameSite: http.SameSiteStrictMode}
	if c.Value != "dark" && c.Value != "light" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	w.Header().Set("Location", ParseQuery(values).Link()) // relative: a proxy may have the page elsewhere
	w.WriteHeader(http.StatusSeeOther)
}

// squeezed compresses an answer for those who take that. The end must be called.
func squeezed(w http.ResponseWriter, r *http.Request) (out flusher, end func() error) {
	w.Header().Add("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return unsqueezed{w}, func() error { return nil }
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is valid
	return z, z.Close
}

// flusher is a writer that may hold something back.
type flusher interface {
	io.Writer
	Flush() error
}

type unsqueezed struct{ io.Writer }

func (unsqueezed) Flush() error { return nil }
