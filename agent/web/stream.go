package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Bounds of streams.
const (
	mostStreams = 32               // at a time; more get 503
	mostAtOnce  = 256              // events in one write
	heartbeat   = 15 * time.Second // a stream on which nothing happens says so: those between would close it
	slowest     = 10 * time.Second // that a reader may take for one write
	comeBack    = 2 * time.Second  // after which a browser does
)

const typeStream = "text/event-stream"

// missedEvent is the name of what a stream says when events were not kept until they could be written.
const missedEvent = "missed"

// serve writes events as they come, from now on or from behind the one that a reader has heard last, until the
// reader goes. It says when it had to leave some out: then what the reader knows is to be read anew.
func (e *Events) serve(w http.ResponseWriter, r *http.Request, _ url.Values) error {
	select {
	case e.streams <- struct{}{}:
		defer func() { <-e.streams }()
	default:
		tooMany(w, r, fmt.Sprintf("%d listen to events already", mostStreams))
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", typeStream)
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	out := stream{e: e, w: w, to: http.NewResponseController(w), next: e.newest()}
	begin := fmt.Appendf(nil, "retry: %d\n", comeBack.Milliseconds())
	if heard := r.Header.Get("Last-Event-ID"); heard != "" {
		n, known := e.behind(heard)
		if known {
			out.next = n + 1
		} else {
			begin = appendEvent(begin, e.id(out.next-1), missedEvent, []byte(`{"lost":null}`))
		}
	}
	out.run(r.Context(), append(begin, fmt.Sprintf("id: %s\n\n", e.id(out.next-1))...))
	return nil
}

// stream is one that is being written.
type stream struct {
	e    *Events
	w    http.ResponseWriter
	to   *http.ResponseController
	next uint64 // the number of the event that is to be written next
}

// run writes until somebody ends it, or does not read.
func (s *stream) run(ctx context.Context, begin []byte) {
	if !s.write(begin) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var b []byte
	for {
		some, lost, more := s.e.after(s.next, mostAtOnce)
		b = b[:0]
		if s.next += lost; lost > 0 {
			b = appendEvent(b, s.e.id(s.next-1), missedEvent, fmt.Appendf(nil, `{"lost":%d}`, lost))
		}
		for i := range some {
			b = appendEvent(b, s.e.id(s.next), some[i].name, some[i].line)
			s.next++
		}
		if len(b) > 0 {
			if !s.write(b) {
				return
			}
			continue
		}
		select {
		case <-more:
		case <-beat.C:
			if !s.write([]byte(": nothing new\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// write tells whether the reader has taken it.
func (s *stream) write(b []byte) bool {
	_ = s.to.SetWriteDeadline(time.Now().Add(slowest)) // what has none does not block
	_, err := s.w.Write(b)
	return err == nil && s.to.Flush() == nil
}
