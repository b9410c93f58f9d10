package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
)

// defaultTurn is how many connections one gateway takes up before it is another's turn: some ten
// milliseconds, so that all meet the same other work on the machine.
const defaultTurn = 500

// race is one kind of new connections through all gateways.
type race struct {
	measure string // "udp last"
	flows   []lab.Flow
	send    lab.Sender
	nat     string // the conntrack tool's option for the kind of translation
}

// race sends the flows through all sites, in turns, in rounds. It enters how many a second each
// takes up in its median turn, and what processor time one takes.
func (c *comparison) race(ctx context.Context, sites []*site, j job, r race) error {
	sites = slices.DeleteFunc(slices.Clone(sites), func(s *site) bool {
		err := s.translatesAll(ctx, r)
		if err != nil {
			c.say("    %s: left out: %v", s.name, err)
		}
		return err != nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	paces := make([]taken, len(sites)) // wall: connections a second
	lab.Pause()
	for range c.rounds {
		round, err := r.round(ctx, sites, c.turn)
		if err != nil {
			return fmt.Errorf("%d: %s: %w", j.size(), r.measure, err)
		}
		for i, t := range round {
			paces[i].add(cost{1 / t.wall.Median(), t.cpu.Median()})
		}
	}
	for i, s := range sites {
		c.add(s.contender, j, r.measure, paces[i].wall)
		c.add(s.contender, j, r.measure+" CPU", paces[i].cpu)
	}
	return nil
}

// round returns what a connection took in each turn, for each site.
func (r race) round(ctx context.Context, sites []*site, turn int) ([]taken, error) {
	out := make([]taken, len(sites))
	order := make([]int, len(sites))
	for i := range order {
		order[i] = i
	}
	for part := range slices.Chunk(r.flows, turn) {
		for _, i := range order {
			before := lab.SelfCPU()
			wall, err := r.send(sites[i].Gateway, ctx, part)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sites[i].name, err)
			}
			n := float64(len(part))
			out[i].add(cost{wall.Seconds() / n, (lab.SelfCPU() - before).Seconds() / n})
		}
		order = append(order[1:], order[0])
	}
	for _, s := range sites {
		if err := s.end(ctx, len(r.flows)); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	lab.Pause()
	return out, nil
}

// translatesAll checks that the gateway translates all connections; it also warms up.
func (s *site) translatesAll(ctx context.Context, r race) error {
	if s.passes || s.forget != nil {
		if _, err := r.send(s.Gateway, ctx, r.flows); err != nil {
			return err
		}
		return s.end(ctx, len(r.flows))
	}
	return s.Translates(ctx, r.send, r.flows, r.nat)
}

// streamLasts is how long a stream is written to.
const streamLasts = time.Second

// streams lets one established connection carry what it can, through one gateway at a time.
func (c *comparison) streams(ctx context.Context, sites []*site, j job) error {
	out := make([]lab.Series, len(sites))
	for range c.rounds {
		for i, s := range sites {
			rate, err := s.Stream(ctx, j.services-1, streamLasts)
			if err != nil {
				return fmt.Errorf("%s: stream: %w", s.name, err)
			}
			out[i] = append(out[i], rate*8)
		}
	}
	for i, s := range sites {
		c.add(s.contender, j, "stream", out[i])
	}
	return nil
}
