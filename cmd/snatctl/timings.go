package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

// timings is what --timings prints: wall seconds of each stage. The stages and Other add up to
// Total.
type timings struct {
	Load    float64 `json:"load_s"`
	Compile float64 `json:"compile_s"`
	Read    float64 `json:"read_s"`
	Diff    float64 `json:"diff_s"`
	Commit  float64 `json:"commit_s"`
	Cleanup float64 `json:"cleanup_s"`

	Tell   float64 `json:"tell_s"`   // putting the difference into the policy's words
	Record float64 `json:"record_s"` // entering it into the history
	Report float64 `json:"report_s"` // printing
	Other  float64 `json:"other_s"`  // all the rest, waiting for confirmation too
	Total  float64 `json:"total_s"`

	mu    sync.Mutex // over what hear writes
	began time.Time
	bar   *view.Bar // shows the stages as they come
}

// newTimings begins to measure a command of some stages.
func newTimings(stages int64) *timings { return &timings{began: time.Now(), bar: newBar(stages)} }

// hear takes what the engine tells: stages for the bar, times, and what people should know.
func (t *timings) hear(e gateway.Event) {
	switch e := e.(type) {
	case gateway.Stage:
		t.bar.Begin(e)
		return
	case gateway.Took:
		t.mu.Lock()
		defer t.mu.Unlock()
		if at := t.of(e.Stage); at != nil {
			*at += e.Time.Seconds()
		}
		return
	}
	t.bar.Stop()
	tellEvent(e)
}

// of is where the time of a stage of the engine is summed up.
func (t *timings) of(s gateway.Stage) *float64 {
	return map[gateway.Stage]*float64{
		gateway.Reading: &t.Read, gateway.Comparing: &t.Diff, gateway.Committing: &t.Commit, gateway.Telling: &t.Tell,
		gateway.Recording: &t.Record, gateway.Cleaning: &t.Cleanup, gateway.Foreseeing: &t.Cleanup,
	}[s]
}

// report prints a result, and measures that.
func (t *timings) report(format, table string, r gateway.Result) error {
	defer func(start time.Time) { t.Report = since(start) }(time.Now())
	if format == "json" {
		return view.DifferenceJSON(os.Stdout, r.Told())
	}
	return view.Result(stdout, table, r)
}

func since(start time.Time) float64 { return time.Since(start).Seconds() }

// last makes the line the last on standard error: behind the message of an error, if any.
func (t *timings) last(err error) error {
	if err == nil {
		t.print()
		return nil
	}
	return timed{err, t}
}

// timed is an error whose message the timings follow.
type timed struct {
	error
	timings *timings
}

func (e timed) Unwrap() error { return e.error }

func (t *timings) print() {
	t.Total = since(t.began)
	t.Other = t.Total - (t.Load + t.Compile + t.Read + t.Diff + t.Commit + t.Cleanup + t.Tell + t.Record + t.Report)
	b, _ := json.Marshal(t) // floats cannot fail
	fmt.Fprintln(os.Stderr, string(b))
}
