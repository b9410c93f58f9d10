package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// loaded is a policy as the source gave it. Without wanted, err says why it cannot be put in force.
type loaded struct {
	sources     []policy.Source
	policy      *policy.Policy // nil: it is invalid
	tends       *services
	wanted      *gateway.Wanted
	diagnostics policy.Diagnostics
	err         error
	stages      stages    // what reading and compiling took
	modified    time.Time // when the source was changed last, before it was read; zero: it was not, or does not tell
}

// read reads the policy.
func (a *Agent) read() (l loaded) {
	l.stages = stages{}
	defer l.stages.since("load", time.Now())
	l.modified = a.o.Source.Modified()
	l.policy, l.sources, l.diagnostics = a.o.Source.Load()
	if l.policy == nil {
		l.err = fmt.Errorf("invalid policy: %s", plain.Count(l.diagnostics.Errors(), "error"))
	}
	return l
}

// load reads the policy and makes its table, with the states that its services have.
func (a *Agent) load() loaded {
	l := a.read()
	a.make(&l)
	return l
}

// make makes the table of a policy that was read.
func (a *Agent) make(l *loaded) {
	switch p := l.policy; {
	case p == nil:
		return
	case p.Gateway.Table != a.table:
		l.err = fmt.Errorf("the policy is about table inet %s, and the agent holds table inet %s: start the agent anew to change the table", p.Gateway.Table, a.table)
		return
	case !a.o.AllowExec && runs(p):
		l.err = errors.New("a health check of the policy runs a program (type exec), which the agent does only with --allow-exec")
		return
	}
	if l.stages == nil {
		l.stages = stages{}
	}
	defer l.stages.since("compile", time.Now())
	has, err := gateway.Facts(a.o.Node, l.policy)
	if err != nil {
		l.err = fmt.Errorf("look up what the policy asks of this host: %w", err)
		return
	}
	if has.Node != "" { // its services are those of this node
		here, d := l.policy.At(has.Node)
		if d != nil {
			l.diagnostics = append(l.diagnostics, *d)
			l.err = fmt.Errorf("the policy is not for this node: %s", d.Msg)
			return
		}
		l.policy = here
	}
	l.tends = a.tend(l.policy, time.Now())
	w, more := gateway.CompileFor(has, l.tends.in(l.policy), l.sources)
	l.wanted, l.diagnostics = w, append(l.diagnostics, more...)
	if w == nil {
		l.err = fmt.Errorf("the policy cannot be carried out: %s", plain.Count(more.Errors(), "error"))
	}
}

// again makes the table of a policy that was in force before, with the states of now.
func (a *Agent) again(w *gateway.Wanted) loaded {
	l := loaded{sources: w.Sources, policy: w.Policy.Written()}
	a.make(&l)
	return l
}

// runs tells whether a service is checked by a program.
func runs(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Services, func(s policy.Service) bool {
		return s.HealthCheck != nil && s.HealthCheck.Type == policy.CheckExec
	})
}

// knownTable is the table that was made last of the same files, as far as the history tells: an
// invalid policy does not name it. Empty: none is known.
func knownTable(stateDir string, paths []string) string {
	store := history.Open(stateDir)
	tables, err := store.Tables()
	if err != nil {
		return ""
	}
	found, at := "", time.Time{}
	for _, table := range tables {
		entries, _, err := store.List(table)
		if err != nil {
			continue
		}
		for _, e := range history.Good(entries) {
			ours := slices.ContainsFunc(e.Files, func(f history.File) bool {
				return slices.ContainsFunc(paths, func(p string) bool { return f.Name == p || strings.HasPrefix(f.Name, p+"/") })
			})
			if ours && e.Time.After(at) {
				found, at = table, e.Time
			}
		}
	}
	return found
}

// Knows tells whether the history has a policy of these sources to fall back to.
func Knows(stateDir string, paths []string) bool { return knownTable(stateDir, paths) != "" }

// begin puts the first policy in force: the source's, or the last good one.
func (a *Agent) begin(ctx context.Context, first loaded) error {
	a.learn(func(s *Snapshot) {
		s.PID, s.Started, s.Table, s.Files = os.Getpid(), time.Now(), a.table, a.o.Source.Paths()
		s.Policy.Applied, s.FlowsEnded = map[string]uint64{}, map[string]uint64{}
	})
	if err := a.g.Introduce(gateway.Agent{Socket: a.o.Socket, Yield: func() { signal(a.yield) }}); err != nil {
		return err
	}
	if _, err := a.remember(time.Now()); err != nil {
		a.log.Error("state_unreadable", "error", err)
	}
	if err := a.recall(ctx); err != nil {
		return err
	}
	newest, err := a.g.Newest(ctx)
	if err != nil {
		a.log.Warn("history_unreadable", "error", err)
	}
	a.make(&first)
	if first.wanted != nil && first.wanted.Recorded(newest) && (newest.State == history.Reverted || newest.State == history.Unconfirmed) {
		a.barred, first.wanted, first.err = first.wanted.Hash(), nil, errUnconfirmed
	}
	if first.wanted != nil {
		_, first.err = a.put(ctx, first, Request{Command: "agent", User: a.o.User})
		if a.force != nil {
			return nil
		}
	}
	a.refuse(first)
	refused := a.Snapshot().Policy
	w, e, err := a.g.LastGood(ctx)
	if err != nil {
		return fmt.Errorf("%w; and there is nothing to fall back to: %w; nothing was changed", first.err, err)
	}
	good := a.again(w)
	if err = good.err; err == nil {
		_, err = a.put(ctx, good, Request{})
	}
	if a.force == nil {
		return fmt.Errorf("%w; and the last good policy, that of %s, cannot be applied: %w", first.err, e.Time.Format(time.RFC3339), err)
	}
	a.learn(func(s *Snapshot) {
		s.Policy.LastGood, s.Policy.AppliedAt, s.Policy.AppliedBy = true, e.Time, e.User
		s.Policy.Newest, s.Policy.Error, s.Policy.ErrorSince, s.Policy.Findings = refused.Newest, refused.Error, refused.ErrorSince, refused.Findings
	})
	a.log.Warn("last_good_kept", "policy", w.Hash(), "applied_at", e.Time, "applied_by", e.User)
	a.status()
	return nil
}

// errUnconfirmed is why a policy is not applied that stands in the files.
var errUnconfirmed = errors.New("the policy was applied on trial and not confirmed: change it, or apply it again")

// update reads the policy again, because the source changed or somebody asked for it.
func (a *Agent) update(ctx context.Context) {
	if a.trial != nil {
		a.later = true
		return
	}
	a.o.Notify(reloading())
	defer a.o.Notify(ready)
	l := a.load()
	switch {
	case l.wanted == nil:
		a.refuse(l)
	case l.wanted.Hash() == a.barred:
		l.err = errUnconfirmed
		a.refuse(l)
	case l.wanted.Hash() == a.force.Hash() && l.wanted.Facts.Equal(a.force.Facts) && a.Snapshot().Policy.Error == "":
		a.learn(func(s *Snapshot) { s.Policy.Newest = l.wanted.Hash(); s.Policy.readAt(l.modified) })
		a.log.Info("policy_unchanged", "policy", l.wanted.Hash())
	default:
		a.learn(func(s *Snapshot) { s.Policy.Newest = l.wanted.Hash() }) // who reads it meanwhile must not take it for another
		a.apply(ctx, l, Request{Command: "agent", User: a.o.User})
	}
}

// apply puts a policy in force, and refuses it where that fails.
func (a *Agent) apply(ctx context.Context, l loaded, r Request) (res gateway.Result, err error) {
	if res, err = a.put(ctx, l, r); err == nil || incomplete(err) {
		a.retry = retry{}
		return res, err
	}
	l.err = err
	a.refuse(l)
	a.retry.failed(time.Now())
	return res, err
}

func incomplete(err error) bool {
	var left *gateway.IncompleteError
	return errors.As(err, &left)
}

// refuse keeps the policy in force, and says why the newest one is not.
func (a *Agent) refuse(l loaded) {
	a.tellRefused(l)
	a.learn(func(s *Snapshot) {
		s.Policy.Applied[Refused]++
		if s.Policy.Error == "" {
			s.Policy.ErrorSince = time.Now()
		}
		s.Policy.Newest, s.Policy.Error, s.Policy.Findings = policy.Hash(l.sources), l.err.Error(), findings(l.diagnostics)
	})
	a.status()
}

// findings are the lines of diagnostics.
func findings(ds policy.Diagnostics) (out []string) {
	for _, d := range ds {
		out = append(out, d.String())
	}
	return out
}

// mostFindings bounds how many findings of one policy are logged; the snapshot has all.
const mostFindings = 50

func (a *Agent) tellRefused(l loaded) {
	a.tellFindings(l.diagnostics)
	a.log.Error("policy_refused", "error", l.err)
}

func (a *Agent) tellFindings(ds policy.Diagnostics) {
	for i, d := range ds {
		if i == mostFindings {
			a.log.Warn("policy_finding", "more", len(ds)-i)
			return
		}
		args := []any{"at", d.Pos.String(), "severity", d.Severity, "code", d.Code, "message", d.Msg, "hint", d.Hint}
		if d.Severity == policy.Error {
			a.log.Error("policy_finding", args...)
		} else {
			a.log.Warn("policy_finding", args...)
		}
	}
}
