package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/snatctl/snatctl/internal/lab"
)

// row is one line of the table. Without need it only informs.
type row struct {
	what   string
	ours   string
	theirs string // with the rival's name
	ratio  lab.Series
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
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", r.ratio.Median(), slices.Min(r.ratio), slices.Max(r.ratio))
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
