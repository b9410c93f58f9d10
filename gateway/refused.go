package gateway

import (
	"context"
	"time"
)

// refusals is what a watch knows of connections that the kernel refused.
type refusals struct {
	begun  bool
	counts uint64 // of conntrack, when last asked
	untold uint64
	told   time.Time
}

// refusalPause bounds how often refused connections are told of, since that takes a list of
// all flows.
const refusalPause = 10 * time.Second

// tellRefused warns when conntrack refuses connections, which the kernel does in silence, and
// names the fullest laddrs.
func (w *Watch) tellRefused(ctx context.Context) {
	stats, err := w.reader.Stats(ctx)
	if err != nil {
		return // the next second tells
	}
	// What has no free port counts as both (__nf_conntrack_confirm), what has no room as one.
	r, counts := &w.refused, max(stats.InsertFailed, stats.Drop)
	if r.begun && counts > r.counts {
		r.untold += counts - r.counts
	}
	r.begun, r.counts = true, counts
	if r.untold == 0 || time.Since(r.told) < refusalPause {
		return
	}
	survey, err := w.reader.Survey(ctx, w.picture.Load())
	if err != nil {
		return
	}
	w.o.Tell(Refused{r.untold, survey.Problems()})
	r.untold, r.told = 0, time.Now()
}
