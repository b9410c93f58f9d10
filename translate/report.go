package translate

import (
	"fmt"

	"github.com/snatctl/snatctl/plain"
)

// Gap is a construct that was not carried over whole.
type Gap struct {
	Place     `json:"-"`
	Construct string `json:"construct"` // as it is written
	Became    string `json:"became"`    // what stands for it in the policy
	Lost      string `json:"lost"`      // what nothing stands for; may be empty
	Severity  string `json:"severity"`  // "warning", or "info" where packets fare as before
	Code      string `json:"code"`      // of Constructs
	Fate      Fate   `json:"-"`
}

// String returns "file:line: warning: CONSTRUCT: what becomes of it [code]".
func (g Gap) String() string {
	what := g.Became
	if g.Lost != "" && g.Lost != g.Became {
		what += "; lost: " + g.Lost
	}
	return fmt.Sprintf("%s: %s: %s: %s [%s]", g.Place, g.Severity, g.Construct, what, g.Code)
}

// Report is what became of a configuration.
type Report struct {
	Dialect  Dialect
	By       string        // what the dialect was told by
	Gaps     []Gap         // by place
	Count    [Lost + 1]int // constructs carried over whole; reports of what was changed or lost
	Services int
	Zones    int
	Pools    int
}

// Warnings returns how many constructs fare otherwise than before.
func (r *Report) Warnings() (n int) {
	for _, g := range r.Gaps {
		if g.Severity == Warning {
			n++
		}
	}
	return n
}

// Unaccounted returns how many lines have words that the reader did not understand.
func (r *Report) Unaccounted() (n int) {
	for _, g := range r.Gaps {
		if g.Code == Unknown {
			n++
		}
	}
	return n
}

// Summary returns what became of the configuration as a whole, and what to do before switching
// over: a line each.
func (r *Report) Summary() []string {
	lines := []string{fmt.Sprintf("%s, %s, %s; %s whole, %d changed, %d lost",
		plain.Count(r.Services, "service"), plain.Count(r.Zones, "zone"), plain.Count(r.Pools, "pool"), plain.Count(r.Count[Whole], "construct"), r.Count[Changed], r.Count[Lost])}
	said := make(map[string]bool)
	for _, g := range r.Gaps {
		if check := find(g.Code).Check; check != "" && !said[check] {
			said[check] = true
			lines = append(lines, "before switching over: "+check)
		}
	}
	return lines
}
