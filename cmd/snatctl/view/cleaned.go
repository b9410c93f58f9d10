package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// Cleaned prints what a cleanup has done, or would do.
func Cleaned(w *plain.Writer, table string, c gateway.Cleaned) error {
	if len(c.Stale) == 0 {
		fmt.Fprintf(w, "no connection contradicts table inet %s\n", table)
	}
	stale(w, c.Stale, c.Done)
	zoned(w, c.Zoned)
	return w.Err()
}

// zoned says that flows in other conntrack zones contradict the policy.
func zoned(w io.Writer, n int) {
	if n == 1 {
		fmt.Fprintln(w, "left alone 1 flow that contradicts it in another conntrack zone, which another table sets (`snatctl flows --past --end` ends it)")
	} else if n > 1 {
		fmt.Fprintf(w, "left alone %d flows that contradict it in other conntrack zones, which another table sets (`snatctl flows --past --end` ends them)\n", n)
	}
}

// staleRecord is an object with its stale flows as JSON.
type staleRecord struct {
	Kind   string  `json:"kind"`
	Name   string  `json:"name"`
	Server *string `json:"real_server"`
	Reason string  `json:"reason"`
	Flows  int     `json:"flows"`
}

// CleanedJSON prints it as JSON.
func CleanedJSON(w io.Writer, c gateway.Cleaned) error {
	objects := []staleRecord{}
	for i := range c.Stale {
		o := &c.Stale[i]
		r := staleRecord{Kind: o.Kind, Name: o.Name, Reason: o.Why, Flows: o.Flows(c.Done)}
		if o.Server.IsValid() {
			s := o.Server.String()
			r.Server = &s
		}
		objects = append(objects, r)
	}
	return JSON(w, struct {
		Ended   int           `json:"flows_ended"`
		Objects []staleRecord `json:"objects"`
		Zoned   int           `json:"other_conntrack_zones"`
	}{c.Stale.Count(c.Done), objects, c.Zoned})
}

// Removed prints what was removed with a table.
func Removed(w io.Writer, table string, r gateway.Removed) {
	if r.Table {
		fmt.Fprintf(w, "removed table inet %s\n", table)
	} else {
		fmt.Fprintf(w, "there is no table inet %s\n", table)
	}
	switch r.Addresses {
	case 0:
	case 1:
		fmt.Fprintln(w, "removed 1 route or address that gateway.addresses made")
	default:
		fmt.Fprintf(w, "removed %d routes and addresses that gateway.addresses made\n", r.Addresses)
	}
	if r.Uplinks > 0 {
		fmt.Fprintf(w, "removed %d routes and ip rules of uplinks\n", r.Uplinks)
	}
	if r.Announced > 0 {
		fmt.Fprintf(w, "removed %s that BIRD announced\n", plain.Count(r.Announced, "route"))
	}
	if r.Callers > 0 {
		fmt.Fprintf(w, "removed the programs of client_address from %s\n", plain.Count(r.Callers, "interface"))
	}
}
