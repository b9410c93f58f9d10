package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/translate"
)

// Problems prints why a configuration cannot be translated.
func Problems(w io.Writer, problems []translate.Problem) {
	for _, p := range problems {
		fmt.Fprintf(w, "%s: error: %s\n", plain.Text(p.Place.String()), plain.Text(p.Msg))
		if p.Hint != "" {
			fmt.Fprintf(w, "    hint: %s\n", plain.Text(p.Hint))
		}
	}
}

// Translation prints what was not carried over whole, and sums it up.
func Translation(w io.Writer, r *translate.Report) {
	if r.Dialect != "" {
		fmt.Fprintf(w, "dialect %s: %s\n", r.Dialect, plain.Text(r.By))
	}
	for _, g := range r.Gaps {
		fmt.Fprintln(w, plain.Text(g.String()))
	}
	for _, line := range r.Summary() {
		fmt.Fprintln(w, plain.Text(line))
	}
}

// TranslationJSON prints what was not carried over whole as a list of objects.
func TranslationJSON(w io.Writer, r *translate.Report) error {
	type gap struct {
		Line int `json:"line"`
		translate.Gap
	}
	list := make([]gap, len(r.Gaps))
	for i, g := range r.Gaps {
		list[i] = gap{g.Line, g}
	}
	return JSON(w, list)
}
