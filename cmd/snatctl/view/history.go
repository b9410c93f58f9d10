package view

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/plain"
)

// numbered is an entry as history lists it.
type numbered struct {
	N *int `json:"n"` // for rollback; null where that takes none
	history.Entry
	Path  string `json:"dir"`
	Place string `json:"place,omitempty"` // hides the entry's, which is for snatctl alone
}

// number counts the good entries from 0, the newest.
func number(entries []history.Entry) []numbered {
	out := make([]numbered, 0, len(entries))
	n := 0
	for _, e := range entries {
		l := numbered{Entry: e, Path: e.Dir()}
		if e.State == history.Applied {
			at := n
			l.N = &at
			n++
		}
		out = append(out, l)
	}
	return out
}

// HistoryJSON prints what was applied to a table, the newest first.
func HistoryJSON(w io.Writer, entries []history.Entry) error { return JSON(w, number(entries)) }

// History prints it for people.
func History(w *plain.Writer, table string, entries []history.Entry) error {
	if len(entries) == 0 {
		fmt.Fprintf(w, "nothing was applied to table inet %s yet\n", table)
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "N\tTIME\tUSER\tCOMMAND\tSTATE\tCHANGES")
	for _, e := range number(entries) {
		n := "-"
		if e.N != nil {
			n = strconv.Itoa(*e.N)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", n, e.Time.Format(time.RFC3339), plain.Text(e.User), plain.Text(e.Command), plain.Text(string(e.State)), plain.Text(e.Summary))
	}
	return t.Flush()
}
