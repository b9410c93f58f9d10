package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Bounds of streams, and how often one looks for something new. A reader who takes nothing for so long is gone.
const (
	mostStreams = 64
	lookEvery   = time.Second
	sayAlive    = 15 * time.Second
	slowReader  = 10 * time.Second
	comeBack    = 2 * time.Second // after which a browser asks again
)

// parts are the parts of the page that change.
var parts = []string{"verdict", "troubles", "figures", "sorts", "services", "zones", "gateway"}

// update is what a browser gets: the parts that have changed since the update before.
type update struct {
	At    string            `json:"at"`    // time of what it shows, RFC 3339
	Clock string            `json:"clock"` // the same, for people
	Title string            `json:"title"`
	Icon  string            `json:"icon"`
	Parts map[string]string `json:"parts"` // HTML
}

// room is a number of places, each of which one takes and gives back.
func room(n int) chan struct{} { return make(chan struct{}, n) }

// streams sends updates to several readers.
type streams struct {
	source *Source
	free   chan struct{}
}

// ServeHTTP sends updates until the reader, or the server, ends it.
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	default:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many readers have the page open: load it again by hand", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	if r.Method == http.MethodHead {
		return
	}
	out, end := squeezed(w, r)
	defer func() { _ = end() }()
	to := http.NewResponseController(w)
	_ = to.SetReadDeadline(time.Time{}) // the server's would end the stream
	t := &stream{out: out, to: to, query: ParseQuery(r.URL.Query()), sent: map[string]string{}}
	if t.write([]byte("retry: "+strconv.FormatInt(comeBack.Milliseconds(), 10)+"\n\n")) != nil {
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if t.look(s.source.Whole(r.Context())) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// stream is what one reader has got.
type stream struct {
	out   flusher
	to    *http.ResponseController
	query Query
	sent  map[string]string // parts
	whole *Whole
	last  time.Time // something was written
}

// look sends what has changed.
func (t *stream) look(w *Whole) error {
	if w == t.whole {
		if time.Since(t.last) > sayAlive {
			return t.write([]byte(":\n\n"))
		}
		return nil
	}
	t.whole = w
	v := NewView(w, t.query, "")
	u := update{At: stamp(w.At), Clock: w.At.Local().Format(time.TimeOnly), Title: v.Title(), Icon: string(v.Icon()), Parts: map[string]string{}}
	for _, name := range parts {
		var b bytes.Buffer
		if err := templates().ExecuteTemplate(&b, name, v); err != nil {
			return err
		}
		if text := b.String(); text != t.sent[name] {
			t.sent[name], u.Parts[name] = text, text
		}
	}
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return t.write(append(append([]byte("data: "), data...), "\n\n"...))
}

// write sends bytes at once.
func (t *stream) write(b []byte) error {
	t.last = time.Now()
	_ = t.to.SetWriteDeadline(t.last.Add(slowReader)) // without it, the server's holds
	if _, err := t.out.Write(b); err != nil {
		return err
	}
	if err := t.out.Flush(); err != nil {
		return err
	}
	return t.to.Flush()
}
