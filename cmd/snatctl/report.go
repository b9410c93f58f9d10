package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/plain"
)

// difference is what diff and apply report.
type difference struct {
	Changes    []tell.Change `json:"changes"`
	Elements   nft.Tally     `json:"elements"`
	Rules      nft.Tally     `json:"rules"`
	FlowsEnded int           `json:"flows_ended"`
}

// mostChanges bounds what the text form lists; --format json lists all.
const mostChanges = 200

// measure returns what a plan changes, in the policy's words and in numbers.
func measure(live, want *nft.Ruleset, plan nft.Plan, t *timings) (d difference, err error) {
	defer func(start time.Time) { t.Tell = since(start) }(time.Now())
	d.Rules, d.Elements = plan.Counts()
	if live != nil && !plan.Empty() {
		if err := recognize(live, plan.Want); err != nil {
			return d, err
		}
	}
	d.Changes = tell.Changes(live, want, plan)
	return d, nil
}

// report prints a difference and which flows it ends, or has made it and ended them.
func report(format, table string, d difference, plan nft.Plan, stale staleFlows, done bool) error {
	d.FlowsEnded = stale.count(done)
	if format == "json" {
		stale.tell(d.Changes, done)
		if d.Changes == nil {
			d.Changes = []tell.Change{}
		}
		return printJSON(os.Stdout, d)
	}
	return reportText(stdout, table, d, plan, stale, done)
}

// reportText is the report for people.
func reportText(w *plain.Writer, table string, d difference, plan nft.Plan, stale staleFlows, done bool) error {
	if plan.Empty() {
		fmt.Fprintf(w, "no difference: table inet %s is as the policy says\n", table)
		if !done {
			stale.contradicting(w)
		}
		stale.print(w, done)
		return w.Err()
	}
	paint := painter(w.Colour())
	for i, c := range d.Changes {
		if i == mostChanges {
			fmt.Fprintf(w, "… and %d more (--format json lists all)\n", len(d.Changes)-i)
			break
		}
		indent := ""
		if c.Kind == tell.KindRealServer {
			indent = "  "
		}
		kind := map[tell.Kind]string{tell.KindRealServer: "real server"}[c.Kind]
		if kind == "" {
			kind = string(c.Kind)
		}
		fmt.Fprintf(w, "%s%s %s: %s\n", indent, paint(c.Action, c.Action.Mark()+" "+kind), plain.Text(c.Name), plain.Text(c.Detail))
	}
	verb := "would change"
	if done {
		verb = "changed"
	}
	fmt.Fprintf(w, "%s table inet %s: rules +%d -%d, elements +%d -%d\n", verb, table, d.Rules.Add, d.Rules.Delete, d.Elements.Add, d.Elements.Delete)
	stale.print(w, done)
	return w.Err()
}

// recognize spells the rules that were read from the kernel, as far as snatctl could have
// made them.
func recognize(live *nft.Ruleset, want nft.Formed) error {
	vocabulary, err := nftlink.Forms(compiler.Vocabulary())
	if err != nil {
		return err
	}
	live.Recognize(vocabulary)
	live.Recognize(want)
	return nil
}

// colourful tells whether to write colours: only on a terminal, and never where NO_COLOR is
// set (no-color.org).
func colourful(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

// painter returns a function that colours by action, if there are colours.
func painter(colour bool) func(tell.Action, string) string {
	colours := map[tell.Action]string{tell.AddObject: "32", tell.RemoveObject: "31", tell.ChangeObject: "33"}
	if !colour {
		return func(_ tell.Action, s string) string { return s }
	}
	return func(a tell.Action, s string) string { return plain.Paint(colours[a], s) }
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
