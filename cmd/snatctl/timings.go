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
}

func since(start time.Time) float64 { return time.Since(start).Seconds() }

// print writes the line, which must be the last on standard error.
func (t *timings) print() {
	b, _ := json.Marshal(t) // floats cannot fail
	fmt.Fprintln(os.Stderr, string(b))
}
