package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// An entry of the history is written before its transaction, as pending: so whoever finds the table
// of an apply that was killed knows which policy it is. What follows (in force, confirmed or taken
// back, flows ended) is entered as it happens.

// entry is the history's entry of a change. The zero value is of one that is not entered.
type entry struct {
	history.Entry
	err error // why it is not there
}

// enter adds the entry of a policy, as pending.
func (g *Gateway) enter(w *Wanted, o ApplyOptions, unclean bool) (e entry) {
	if o.Command == "" {
		return e
	}
	g.tell(Recording)
	defer g.took(Recording, time.Now())
	e.Entry, e.err = g.store.Add(history.Entry{
		Table: g.table, Time: time.Now().UTC().Truncate(time.Second), User: o.User, Command: o.Command,
		State: history.Pending, Place: g.here, Trial: o.Confirm > 0, Unclean: unclean, Facts: w.Facts,
		Announced: history.Announced{BIRD: w.Policy.Announce.BIRD, Socket: w.Policy.Announce.Socket},
	}, absolute(w.Sources))
	return e
}

// drop takes back the entry of what did not come about.
func (g *Gateway) drop(e entry) {
	if e.ID != 0 {
		_ = g.store.Drop(e.Entry) // a pending entry does no harm
	}
}

// update writes an entry down as it is now.
func (g *Gateway) update(e entry) error {
	if e.ID == 0 {
		return e.err
	}
	defer g.took(Recording, time.Now())
	return g.store.Update(e.Entry)
}

// absolute returns the sources with names that tell where they were.
func absolute(sources []policy.Source) []policy.Source {
	out := make([]policy.Source, len(sources))
	for i, s := range sources {
		out[i] = s
		if path, err := filepath.Abs(s.Name); err == nil && s.IsFile() {
			out[i].Name = path
		}
	}
	return out
}

// here tells the boot and the network namespace of this thread.
func here() (p history.Place) {
	var ns unix.Stat_t
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil && unix.Stat("/proc/thread-self/ns/net", &ns) == nil {
		p.Boot, p.NetNS = strings.TrimSpace(string(b)), fmt.Sprintf("%d-%d", ns.Dev, ns.Ino)
	}
	if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		p.Cookie, _ = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE) // 0 if the kernel has none
		unix.Close(fd)
	}
	return p
}

// ofHere leaves out the entries of other network namespaces.
func (g *Gateway) ofHere(entries []history.Entry) []history.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e history.Entry) bool { return e.Place.Elsewhere(g.here) })
}

// History returns the entries of the table, the newest first, and why others are damaged. If an
// apply was killed at its commit, the table in the kernel tells whether its entry is in force: the
// entry says so then, or is left out. Where that cannot be told it stays pending. A gateway that
// is held writes down what it finds.
func (g *Gateway) History(ctx context.Context) ([]history.Entry, []error, error) {
	return g.historyOf(ctx, nil)
}

// historyOf is History beside a table that was read; nil: it reads the table if it has to.
func (g *Gateway) historyOf(ctx context.Context, now *present) ([]history.Entry, []error, error) {
	entries, damaged, err := g.store.List(g.table)
	if err != nil {
		return entries, damaged, err
	}
	mine := g.ofHere(entries)
	if len(mine) == 0 || mine[0].State != history.Pending || mine[0].Place.Before(g.here) {
		return entries, damaged, nil
	}
	at := slices.IndexFunc(entries, func(e history.Entry) bool { return e.ID == mine[0].ID })
	e := &entries[at]
	switch is, known := g.inForce(ctx, now, mine); {
	case !known:
	case is:
		e.State = history.Applied
		if e.Trial {
			e.State = history.Unconfirmed
		}
		if g.lock != nil {
			err = g.store.Update(*e)
		}
	default:
		if g.lock != nil {
			err = g.store.Drop(*e)
		}
		entries = slices.Delete(entries, at, at+1)
	}
	return entries, damaged, err
}

// inForce tells whether the table in the kernel is that of the newest entry, and not that of the one
// before. A table of neither, or none, tells nothing.
func (g *Gateway) inForce(ctx context.Context, now *present, entries []history.Entry) (is, known bool) {
	if now == nil {
		there, err := g.read(ctx)
		if err != nil {
			return false, false
		}
		now = &there
	}
	for i, e := range entries[:min(2, len(entries))] {
		w, err := g.again(e)
		if err != nil {
			continue
		}
		if w.complete(ctx, g.conn) != nil {
			return false, false
		}
		if c, err := g.against(*now, w.Ruleset); err == nil && c.live != nil && c.plan.Empty() {
			return i == 0, true
		}
	}
	return false, false
}

// again makes the policy of an entry again, as it was: with the addresses that interfaces had then, and
// with the states that its services have.
func (g *Gateway) again(e history.Entry) (*Wanted, error) {
	return g.remake(e, func(*policy.Policy) (policy.Facts, error) { return e.Facts, nil })
}

// anew makes the policy of an entry again for the host as it is now.
func (g *Gateway) anew(e history.Entry) (*Wanted, error) {
	return g.remake(e, func(p *policy.Policy) (policy.Facts, error) { return Facts(e.Facts.Node, p) })
}

func (g *Gateway) remake(e history.Entry, facts func(*policy.Policy) (policy.Facts, error)) (*Wanted, error) {
	sources, err := g.store.Sources(e)
	if err != nil {
		return nil, err
	}
	p, _ := read.Parse(sources)
	if p == nil {
		return nil, errors.New("the policy is invalid now")
	}
	has, err := facts(p)
	if err != nil {
		return nil, err
	}
	if has.Node != "" {
		here, d := p.At(has.Node)
		if d != nil {
			return nil, policy.Diagnostics{*d}.Err()
		}
		p = here
	}
	if g.state != nil {
		p = p.With(g.state(p))
	}
	w, _ := CompileFor(has, p, sources)
	if w == nil {
		return nil, errors.New("the policy cannot be carried out now")
	}
	return w, nil
}

// mostEarlier bounds how many earlier tables flows are judged by.
const mostEarlier = 5

// leftovers are what earlier changes left: entries after which flows that contradicted them were not
// ended, since cleanup was off or the apply was killed, and the entries of the tables that made
// such flows. The zero value is nothing.
type leftovers struct {
	unclean, stood []history.Entry
}

// leftoversOf finds them among the entries before a change, newest first.
func (g *Gateway) leftoversOf(entries []history.Entry) (l leftovers) {
	entries = g.ofHere(entries)
	for i, e := range entries {
		if !e.Unclean || len(l.unclean) == mostEarlier || e.Place.Before(g.here) {
			break
		}
		l.unclean = append(l.unclean, e)
		l.stood = append(l.stood, entries[i+1:min(i+2, len(entries))]...)
		if e.State == history.Reverted || e.State == history.Unconfirmed {
			l.stood = append(l.stood, e)
		}
	}
	return l
}

// tables makes the earlier tables again: compiling takes time, so only who judges flows asks.
func (g *Gateway) tables(l leftovers) (out []*nft.Ruleset) {
	for _, e := range l.stood {
		if w, err := g.again(e); err == nil {
			out = append(out, w.Ruleset)
		}
	}
	return out
}
