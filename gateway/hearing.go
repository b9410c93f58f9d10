package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// hearing tells rates which flows end, from one goroutine, while another lists the flows.
type hearing struct {
	source *ctlink.EventSource

	mu    sync.Mutex  // over what follows
	rates []*ct.Rates // those that want to know; nil: none yet
	heard [ct.Taken + 1]uint64
	fail  error // why nothing is heard any more
}

// listen begins to hear: of ends, and of the other kinds if some are asked for.
func (h *hearing) listen(others ...ct.EventKind) (err error) {
	h.source, err = ctlink.Listen(ctlink.ListenOptions{Kinds: append(others, ct.Destroy)})
	return err
}

// Close lets go of the events. It must not be called before Hear has returned.
func (h *hearing) Close() { h.source.Close() }

// Lost counts events that came faster than they were heard. It is safe for concurrent use.
func (h *hearing) Lost() uint64 { return h.source.Lost() }

// Hear hears of ends until ctx is done.
func (h *hearing) Hear(ctx context.Context) {
	for e, err := range h.source.Events(ctx) {
		h.event(e, err)
	}
}

func (h *hearing) event(e *ct.Event, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var overrun *ctlink.OverrunError
	switch {
	case err == nil:
		h.heard[e.Kind]++
		if e.Kind == ct.Destroy {
			for _, r := range h.rates {
				r.Ended(&e.Flow)
			}
		}
	case errors.As(err, &overrun):
		for _, r := range h.rates {
			r.Lost()
		}
	default:
		h.fail = err
	}
}

// Events of what ended while the list was made come a moment later: they may gather that long.
const (
	quiet      = ctlink.Gather + 3*time.Millisecond
	quietTries = 13
)

// catchUp waits until no more events come, but not long: under a flood they never end.
func (h *hearing) catchUp() {
	var before uint64
	for range quietTries {
		time.Sleep(quiet)
		h.mu.Lock()
		heard := h.heard[ct.Destroy]
		h.mu.Unlock()
		if heard == before {
			return
		}
		before = heard
	}
}
