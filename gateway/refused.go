package gateway

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/ct/ctlink"
)

// Refusals counts connections that conntrack refuses, which the kernel does in silence. The zero value
// has seen none.
type Refusals struct {
	begun  bool
	counts uint64 // of conntrack, when last asked
	untold uint64
	told   time.Time
}

// refusalPause bounds how often refused connections are told of, since that takes a list of
// all flows.
const refusalPause = 10 * time.Second

// Count takes the counters of conntrack, and returns how many connections it has refused since somebody
// was told; 0 if that was just now.
func (r *Refusals) Count(s ctlink.Stats) uint64 {
	// What has no free port counts as both (__nf_conntrack_confirm), what has no room as one.
	counts := max(s.InsertFailed, s.Drop)
	if r.begun && counts > r.counts {
		r.untold += counts - r.counts
	}
	r.begun, r.counts = true, counts
	if time.Since(r.told) < refusalPause {
		return 0
	}
	return r.untold
}

// Told says that somebody was told of all of them.
func (r *Refusals) Told() { r.untold, r.told = 0, time.Now() }

// tellRefused warns when conntrack refuses connections, and names the fullest laddrs.
func (w *Watch) tellRefused(ctx context.Context) {
	stats, err := w.reader.Stats(ctx)
	if err != nil {
		return // the next second tells
	}
	n := w.refused.Count(stats)
	if n == 0 {
		return
	}
	survey, err := w.reader.Survey(ctx, w.picture.Load())
	if err != nil {
		return
	}
	w.o.Tell(Refused{n, survey.Problems(), survey.Shortages()})
	w.refused.Told()
}
