package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// mostChanges bounds what the text form lists; JSON lists all.
const mostChanges = 200

// DifferenceJSON prints what an apply has changed, or a diff has found.
func DifferenceJSON(w io.Writer, d gateway.Difference) error {
	if d.Changes == nil {
		d.Changes = []tell.Change{}
	}
	return JSON(w, d)
}

// Result prints it for people.
func Result(w *plain.Writer, table string, r gateway.Result) error {
	if r.Empty() {
		fmt.Fprintf(w, "no difference: table inet %s is as the policy says\n", table)
		if !r.Done {
			contradicting(w, r.Stale.Count(false))
		}
		stale(w, r.Stale, r.Done)
		zoned(w, r.Zoned)
		return w.Err()
	}
	for i, c := range r.Changes {
		if i == mostChanges {
			fmt.Fprintf(w, "… and %d more (--format json lists all)\n", len(r.Changes)-i)
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
		fmt.Fprintf(w, "%s%s %s: %s\n", indent, paintAction(c.Action, c.Action.Mark()+" "+kind), plain.Text(c.Name), plain.Text(c.Detail))
	}
	verb := "would change"
	if r.Done {
		verb = "changed"
	}
	if r.Table {
		fmt.Fprintf(w, "%s table inet %s: rules +%d -%d, elements +%d -%d\n", verb, table, r.Rules.Add, r.Rules.Delete, r.Elements.Add, r.Elements.Delete)
	}
	if a := r.Addresses; a.Add+a.Delete > 0 {
		fmt.Fprintf(w, "%s routes and addresses of this host: +%d -%d\n", verb, a.Add, a.Delete)
	}
	if c := r.Callers; c.Add+c.Delete > 0 {
		fmt.Fprintf(w, "%s programs of client_address at interfaces: +%d -%d\n", verb, c.Add, c.Delete)
	}
	if a := r.Announced; a.Add+a.Delete > 0 {
		fmt.Fprintf(w, "%s routes that BIRD announces: +%d -%d\n", verb, a.Add, a.Delete)
	}
	stale(w, r.Stale, r.Done)
	zoned(w, r.Zoned)
	return w.Err()
}

// stale lists flows that contradict the policy, by object.
func stale(w io.Writer, s gateway.StaleFlows, done bool) {
	verb := "would end"
	if done {
		verb = "ended"
	}
	for i := range s {
		if i == mostChanges {
			fmt.Fprintf(w, "… and flows of %d more\n", len(s)-i)
			break
		}
		o := &s[i]
		why := o.Why
		if o.Mixed {
			why += " (and similar)"
		}
		fmt.Fprintf(w, "%s %s of %s %s: %s\n", verb, plain.Count(o.Flows(done), "flow"), o.Kind, plain.Text(o.Name), plain.Text(why))
	}
	if len(s) > 1 {
		fmt.Fprintf(w, "%s %s in all\n", verb, plain.Count(s.Count(done), "flow"))
	}
}

// contradicting says that flows alone contradict the policy.
func contradicting(w io.Writer, n int) {
	switch n {
	case 0:
	case 1:
		fmt.Fprintln(w, "1 live flow contradicts the policy; apply would end it")
	default:
		fmt.Fprintf(w, "%d live flows contradict the policy; apply would end them\n", n)
	}
}
