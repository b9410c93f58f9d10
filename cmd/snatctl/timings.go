package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// timings is what --timings prints: wall seconds of each stage.
type timings struct {
	Load    float64 `json:"load_s"`
	Compile float64 `json:"compile_s"`
	Read    float64 `json:"read_s"`
	Diff    float64 `json:"diff_s"`
	Commit  float64 `json:"commit_s"`
	Cleanup float64 `json:"cleanup_s"`

	bar *bar // shows the stages as they come
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
	b, _ := json.Marshal(t) // floats cannot fail
	fmt.Fprintln(os.Stderr, string(b))
}
