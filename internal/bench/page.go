package main

import (
	"context"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// pageWatched is how long somebody has the page open.
const pageWatched = 20 * time.Second

// page asks an agent of a large policy for its page, as several readers do; then one has it open.
func (b *bench) page(ctx context.Context) error {
	g, err := lab.NewGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	s := scrapes{bench: b}
	fleet := sample.Fleet{Services: b.size.services, Servers: b.size.servers, Checked: min(scrapeChecked, b.size.services)}
	if err := s.start(ctx, g, "page", fleet, "/"); err != nil {
		return err
	}
	defer s.agent.Stop()
	root := s.url
	for _, ask := range []struct{ what, query string }{{"the first page", ""}, {"the last page by bytes", "?sort=bytes&page=100000"}, {"a search by name", "?q=svc-2999"}, {"a search by address", "?q=" + fleet.ServersOf(7)[0]}, {"services.csv, all of it", "services.csv"}} {
		var took, bytes lab.Series
		s.url = root + ask.query
		for range 3 * b.n {
			time.Sleep(2 * time.Second) // others look at what is new then
			start := time.Now()
			n, err := s.once(ctx)
			if err != nil {
				return err
			}
			took, bytes = append(took, time.Since(start).Seconds()), append(bytes, float64(n))
		}
		r := row{what: fmt.Sprintf("%s, of %d services x %d", ask.what, fleet.Services, fleet.Servers), ours: took.Seconds(), theirs: fmt.Sprintf("%.0f kB", bytes.Median()/1000)}
		if ask.query != "services.csv" {
			r.need, r.ok = "< 1 s", took.Median() < 1
		}
		b.add(r)
	}
	return b.watched(ctx, &s, root)
}

// watched says what it takes of the agent that somebody has the page open, beside what it takes anyway.
func (b *bench) watched(ctx context.Context, s *scrapes, root string) error {
	open, stop := context.WithTimeout(ctx, 2*pageWatched)
	defer stop()
	s.url = root + "updates"
	busy := func() (float64, error) {
		before, err := lab.CPUOf(s.agent.Pid())
		if err != nil {
			return 0, err
		}
		time.Sleep(pageWatched)
		after, err := lab.CPUOf(s.agent.Pid())
		return (after - before).Seconds() / pageWatched.Seconds(), err
	}
	alone, err := busy()
	if err != nil {
		return err
	}
	go func() { _, _ = s.once(open) }()
	with, err := busy()
	if err != nil {
		return err
	}
	memory, err := lab.PeakOf(s.agent.Pid())
	b.add(row{what: "  one page that is open: of one core", ours: fmt.Sprintf("%.0f %%", 100*with), theirs: fmt.Sprintf("without: %.0f %%", 100*alone)})
	b.add(row{what: "  peak memory of the agent", ours: lab.Series{float64(memory)}.Megabytes()})
	return err
}
