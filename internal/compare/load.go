package main

import (
	"context"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
)

// patience is how long the rounds of one contender's loads may last: who needs longer for one
// gets no second.
const patience = 8 * time.Second

// loads has every site load the job from nothing and, if it is about services, change one real
// server, in rounds. It leaves the rulesets where they are and returns the sites that have one.
func (c *comparison) loads(ctx context.Context, sites []*site, j job) (loaded []*site, err error) {
	for _, s := range sites {
		if err := c.loadsOf(ctx, s, j); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			c.skip(s.contender, j, first)
			continue
		}
		if err := s.hold(); err != nil {
			return nil, err
		}
		loaded = append(loaded, s)
	}
	return loaded, nil
}

func (c *comparison) loadsOf(ctx context.Context, s *site, j job) error {
	var load, change taken
	start := time.Now()
	for i := 0; i < c.rounds && (i == 0 || time.Since(start) < patience); i++ {
		if i > 0 {
			if err := s.clear(ctx, s); err != nil {
				return err
			}
		}
		cost, err := s.load(ctx, s, j)
		if err != nil {
			return err
		}
		load.add(cost)
		lab.Pause()
		if s.change == nil || j.services == 0 {
			continue
		}
		if cost, err = s.change(ctx, s, j); err != nil {
			return err
		}
		change.add(cost)
		lab.Pause()
	}
	c.say("    %s: %s", s.name, load.wall.Seconds())
	if s.passes {
		return nil
	}
	c.add(s.contender, j, "load", load.wall)
	c.add(s.contender, j, "load CPU", load.cpu)
	if change.wall != nil {
		c.add(s.contender, j, "change", change.wall)
		c.add(s.contender, j, "change CPU", change.cpu)
	}
	return nil
}

// taken is what each round took, in seconds.
type taken struct{ wall, cpu lab.Series }

func (t *taken) add(c cost) { t.wall, t.cpu = append(t.wall, c.wall), append(t.cpu, c.cpu) }
