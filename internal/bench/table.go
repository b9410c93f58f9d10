package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// series is what rounds measured, in the order of the rounds.
type series []float64

func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(s))
	return (t[(len(t)-1)/2] + t[len(t)/2]) / 2
}

// over divides round by round.
func (s series) over(o series) series {
	out := make(series, len(s))
	for i := range s {
		out[i] = s[i] / o[i]
	}
	return out
}

// row is one line of the table. Without need it only informs.
type row struct {
	what   string
	ours   string
	theirs string // with the rival's name
	ratio  series
	need   string
	ok     bool
}

func (b *bench) add(r row) { b.rows = append(b.rows, r) }

func (b *bench) print(w io.Writer, quick bool) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"measured", "snatctl", "against", "ratio (of the rounds)", "required", ""})
	missed, needed := 0, 0
	for _, r := range b.rows {
		ratio, verdict := "", ""
		if len(r.ratio) > 0 {
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", r.ratio.median(), slices.Min(r.ratio), slices.Max(r.ratio))
		}
		if r.need != "" {
			needed++
			if verdict = "pass"; !r.ok {
				missed++
				verdict = "MISS"
			}
		}
		t.AppendRow(table.Row{r.what, r.ours, r.theirs, ratio, r.need, verdict})
	}
	t.Render()
	fmt.Fprintf(w, "Medians of %d rounds. %d of %d required numbers reached", b.n, needed-missed, needed)
	if missed > 0 {
		fmt.Fprintf(w, ", %d MISSED", missed)
	}
	fmt.Fprintln(w, ".")
	if quick {
		fmt.Fprintln(w, "Quick run: smaller policies than the required numbers are for.")
	}
}

// seconds prints a median time.
func (s series) seconds() string {
	m := s.median()
	switch {
	case m < 0.0001:
		return fmt.Sprintf("%.2f us", m*1e6)
	case m < 0.01:
		return fmt.Sprintf("%.2f ms", m*1e3)
	case m < 1:
		return fmt.Sprintf("%.0f ms", m*1e3)
	}
	return fmt.Sprintf("%.2f s", m)
}

// count prints a median number.
func (s series) count() string { return fmt.Sprintf("%.0f", s.median()) }

// megabytes prints a median size in bytes.
func (s series) megabytes() string { return fmt.Sprintf("%.0f MB", s.median()/1e6) }

// rate prints a median number a second.
func (s series) rate() string { return fmt.Sprintf("%.0f/s", s.median()) }
