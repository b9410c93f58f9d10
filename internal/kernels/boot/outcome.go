package main

import (
	"bytes"
	"fmt"
	"regexp"
	"time"

	"github.com/snatctl/snatctl/internal/kernels"
)

// outcome is what the tests said on one guest. It is written to as they run.
type outcome struct {
	guest           kernels.Guest
	passed, skipped int
	failed          []string
	broken          bool // a program ended badly without a test that failed, or the guest went down
	took            time.Duration
	rest            []byte // of a line
}

func (o *outcome) bad() bool { return o.broken || len(o.failed) > 0 }

// verdict matches the line that a test ends with; those of its parts are indented.
var verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)

// Write counts the tests in what go test -v prints.
func (o *outcome) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	for {
		line, rest, whole := bytes.Cut(o.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		o.rest = rest
		m := verdict.FindSubmatch(line)
		switch {
		case m == nil:
		case string(m[1]) == "PASS":
			o.passed++
		case string(m[1]) == "SKIP":
			o.skipped++
		default:
			o.failed = append(o.failed, string(m[2]))
			fmt.Printf("  failed: %s\n", m[2])
		}
	}
}
