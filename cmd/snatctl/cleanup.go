package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/nft"
)

// flowTable is where flows are listed and ended: the kernel's, by ctlink.Conn.
type flowTable interface {
	Flows(context.Context) iter.Seq2[*ct.Flow, error]
	Delete(context.Context, []ctlink.Key) (int, error)
}

// staleFlows are the flows that contradict a policy, counted by service and zone.
type staleFlows struct {
	keys    []ctlink.Key
	objects []staleObject
	ended   int // how many were ended, once they are
}

// staleObject is a service or zone with stale flows.
type staleObject struct {
	first ct.Reason // that of one of its flows
	flows int
	mixed bool // there are other reasons
}

// findStale lists the flows once and judges each by the table that was and the one to be.
func findStale(ctx context.Context, table flowTable, was, will *nft.Ruleset) (staleFlows, error) {
	local, err := localAddrs()
	if err != nil {
		return staleFlows{}, err
	}
	before, after := ct.NewIndex(compiler.Bindings(was), local), ct.NewIndex(compiler.Bindings(will), local)
	var s staleFlows
	byName := make(map[[2]string]int)
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return s, fmt.Errorf("list the flows: %w", err)
		}
		reason, stale := ct.Stale(before, after, f)
		if !stale {
			continue
		}
		s.keys = append(s.keys, ctlink.KeyOf(f))
		name := [2]string{reason.Kind, reason.Name}
		i, seen := byName[name]
		if !seen {
			i = len(s.objects)
			byName[name] = i
			s.objects = append(s.objects, staleObject{first: reason})
		}
		s.objects[i].flows++
		s.objects[i].mixed = s.objects[i].mixed || s.objects[i].first.Why != reason.Why
	}
	slices.SortFunc(s.objects, func(a, b staleObject) int {
		return cmp.Or(strings.Compare(a.first.Kind, b.first.Kind), strings.Compare(a.first.Name, b.first.Name))
	})
	return s, nil
}

// cleanup ends the flows that contradict the policy now in force. What it returns beside an
// error is what it has done so far.
func cleanup(ctx context.Context, was, want *nft.Ruleset, t *timings) (staleFlows, error) {
	t.bar.stage("ending stale flows")
	defer func(start time.Time) { t.Cleanup = since(start) }(time.Now())
	conn, err := ctlink.Open()
	if err != nil {
		return staleFlows{}, err
	}
	defer conn.Close()
	return endStale(ctx, conn, was, want)
}

func endStale(ctx context.Context, table flowTable, was, want *nft.Ruleset) (staleFlows, error) {
	s, findErr := findStale(ctx, table, was, want)
	if len(s.keys) == 0 {
		return s, findErr
	}
	n, err := table.Delete(ctx, s.keys)
	s.ended = n
	return s, errors.Join(findErr, err)
}

// foresee finds the flows that an apply would end, and lets them be.
func foresee(ctx context.Context, was, want *nft.Ruleset, t *timings) (staleFlows, error) {
	t.bar.stage("looking at the flows")
	defer func(start time.Time) { t.Cleanup = since(start) }(time.Now())
	conn, err := ctlink.Open()
	if err != nil {
		return staleFlows{}, err
	}
	defer conn.Close()
	return findStale(ctx, conn, was, want)
}

// tell appends to the changes that objects undergo how many flows that ends.
func (s staleFlows) tell(changes []compiler.Change, done bool) {
	verb := ending(done)
	for _, o := range s.objects {
		if c := changeOf(changes, o.first); c != nil {
			c.Detail += fmt.Sprintf("; %s %s", verb, count(o.flows, "flow"))
		}
	}
}

// changeOf finds the change that a reason belongs to: the object's own, or that of one of
// its real servers, the one that the reason names if there are several.
func changeOf(changes []compiler.Change, r ct.Reason) *compiler.Change {
	var server *compiler.Change
	for i := range changes {
		c := &changes[i]
		switch {
		case string(c.Kind) == r.Kind && c.Name == r.Name:
			return c
		case r.Kind != string(compiler.KindService) || c.Kind != compiler.KindRealServer || !strings.HasPrefix(c.Name, r.Name+"/"):
		case server == nil || strings.Contains(r.Why, strings.TrimPrefix(c.Name, r.Name+"/")):
			server = c
		}
	}
	return server
}

// print lists the flows by object.
func (s staleFlows) print(w io.Writer, done bool) {
	verb := ending(done)
	for i, o := range s.objects {
		if i == mostChanges {
			fmt.Fprintf(w, "… and flows of %s\n", count(len(s.objects)-i, "more object"))
			break
		}
		why := o.first.Why
		if o.mixed {
			why += ", or alike"
		}
		fmt.Fprintf(w, "%s %s of %s %s: %s\n", verb, count(o.flows, "flow"), o.first.Kind, o.first.Name, why)
	}
	if len(s.objects) > 1 {
		fmt.Fprintf(w, "%s %s in all\n", verb, count(s.count(done), "flow"))
	}
}

func ending(done bool) string {
	if done {
		return "ended"
	}
	return "would end"
}

// count returns how many flows were ended, or are to be.
func (s staleFlows) count(done bool) int {
	if done {
		return s.ended
	}
	return len(s.keys)
}
