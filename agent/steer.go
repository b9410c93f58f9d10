package agent

import (
	"context"
	"errors"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/gateway"
)

// watchLinks follows the links of this machine, and tells the loop when they change.
func (a *Agent) watchLinks(ctx context.Context) {
	for ctx.Err() == nil {
		err := a.links.Watch(ctx, func() { signal(a.linked) })
		if ctx.Err() != nil {
			return
		}
		a.log.Warn("links_unwatched", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// lookAtLinks looks at the interfaces of uplinks. One that carries no longer is down now; one that carries again
// has lost its routes.
func (a *Agent) lookAtLinks(ctx context.Context) {
	now := time.Now()
	for _, w := range a.tends.ways {
		carried := w.input.Link == balance.LinkCarries
		if !w.look(&a.links, now) {
			continue
		}
		if carried {
			a.paths.Suspect(w.uplink.Name)
		}
		if w.input.Link == balance.LinkCarries {
			a.drift.again()
			a.drift.next, a.drift.beside = time.Time{}, time.Time{}
			if w.is.Down && len(w.input.Targets) > 0 {
				w.reason = "the interface carries again, and no target has answered yet"
			}
		}
	}
	a.steer(ctx, now)
}

// judgeUplinks takes verdicts of checks of uplinks.
func (a *Agent) judgeUplinks(ctx context.Context, batch []health.Verdict) {
	for _, v := range batch {
		w := a.tends.way(v.ID.Service)
		if w == nil || w.uplink.Check == nil {
			continue
		}
		for i, to := range w.uplink.Check.Targets {
			if to != v.ID.Server || i >= len(w.input.Targets) {
				continue
			}
			if w.input.Targets[i] = healthOf(v.State); w.input.Targets[i] == balance.Down {
				w.reason = TargetText(v.ID.Server) + ": " + v.Reason
			}
		}
	}
	a.steer(ctx, time.Now())
}

// steer decides anew about the uplinks, and has new connections leave by those that are up.
func (a *Agent) steer(ctx context.Context, now time.Time) {
	if len(a.tends.ways) == 0 {
		return
	}
	var news []uplinkNews
	for _, w := range a.tends.ways {
		was, since := w.is, w.since
		w.is = w.input.Stand(now)
		if w.input.Down = w.is.Down; w.is.Reason != "" {
			w.reason = w.is.Reason
		}
		if w.is.Down == was.Down {
			continue
		}
		if w.since = now; !w.is.Down {
			w.reason, w.left = "", false
		}
		news = append(news, uplinkNews{w, since})
	}
	if a.tends.steer() {
		a.changeUplinks(ctx)
	}
	a.leave()
	a.tellUplinks(news, now)
	a.remark()
	a.publishUplinks()
}

// uplinkNews is an uplink that changed.
type uplinkNews struct {
	way   *way
	since time.Time // when it began to be what it was before; zero: not known
}

// tellUplinks logs what became of uplinks.
func (a *Agent) tellUplinks(news []uplinkNews, now time.Time) {
	for _, n := range news {
		args := []any{"uplink", n.way.uplink.Name, "interface", n.way.uplink.Interface}
		if !n.since.IsZero() {
			args = append(args, "was_for", now.Sub(n.since).Round(time.Millisecond))
		}
		if !n.way.is.Down {
			a.log.Info("uplink_up", args...)
			continue
		}
		a.log.Warn("uplink_down", append(args, "reason", n.way.reason, "out_after", time.Since(now).Round(time.Microsecond))...)
	}
	down := a.tends.allDown()
	if a.tends.lost != down {
		if a.tends.lost = down; down {
			a.log.Error("uplinks_lost", "uplinks", len(a.tends.ways))
		} else {
			a.log.Info("uplinks_back", "uplinks", len(a.tends.ways))
		}
	}
}

// allDown tells whether the policy has uplinks, and none is up.
func (s *services) allDown() bool {
	for _, w := range s.ways {
		if !w.is.Down {
			return false
		}
	}
	return len(s.ways) > 0
}

// changeUplinks brings the table to the state that the uplinks have.
func (a *Agent) changeUplinks(ctx context.Context) {
	a.stands.dirty, a.stands.steer = true, true
	if a.trial.decided() {
		return // judged brings it back with the states as they are
	}
	err := gateway.ErrWhole
	if a.stands.force != nil {
		err = a.stands.force.Steer(ctx, a.tends.state.Uplinks)
	}
	switch {
	case err == nil:
	case errors.Is(err, gateway.ErrWhole):
		a.whole(ctx, a.stands.changed)
	default:
		a.evicted(ctx, err, a.stands.changed)
	}
}

// remark notes what the next agent has to know of uplinks, soon: it may have to begin any moment.
func (a *Agent) remark() {
	for _, w := range a.tends.ways {
		is := up{Down: w.is.Down, Since: w.since, Reason: w.reason, UpSince: w.input.Since, Left: w.left}
		if a.ups[w.uplink.Name] != is {
			a.ups[w.uplink.Name], a.unsaved, a.saved = is, true, time.Time{}
		}
	}
}

// leave has the flows of uplinks that are down go elsewhere, if they can, and else end.
func (a *Agent) leave() {
	for _, w := range a.tends.ways {
		if w.left || w.is.Spares || !a.tends.state.Uplinks[w.uplink.Name].Down {
			continue
		}
		w.left = true
		a.leaves.add(w.uplink.Name)
	}
	a.leaves.of(a.tends.in(a.force.Policy))
	a.leaves.begin()
}

// takeUp begins with the uplinks of a policy that is in force now.
func (a *Agent) takeUp(s *services) {
	if len(s.ways) == 0 && len(a.ups) == 0 {
		return
	}
	for name := range a.ups {
		if s.way(name) == nil {
			delete(a.ups, name)
			a.unsaved = true
		}
	}
	a.leave()
	a.remark()
	a.publishUplinks()
}
