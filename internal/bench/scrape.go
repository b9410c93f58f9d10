package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// How many services are checked, how many real servers die at a time, and how long anything may take.
const (
	scrapeChecked = 250
	scrapeDeaths  = 25
	scrapeIdle    = 5 * time.Second // the agent only checks; what was read last is too old then
	scrapePause   = time.Second     // between scrapes beside which real servers die
	scrapeLimit   = 2 * time.Minute
)

// dead takes the addresses of real servers that refuse connections.
const dead = "table inet dead { set gone { type ipv4_addr; }; chain in { type filter hook input priority 0; ip daddr @gone tcp dport 80 reject with tcp reset; }; }"

// scrape asks an agent of a large policy, which checks real servers, for its metrics: with and without
// those of each real server. Then some of these die, while nobody asks and while somebody does every second.
func (b *bench) scrape(ctx context.Context) error {
	for _, servers := range []bool{true, false} {
		s := scrapes{bench: b}
		if err := s.run(ctx, servers); err != nil {
			return err
		}
		what := fmt.Sprintf("a scrape of %d services x %d", b.size.services, b.size.servers)
		if !servers {
			what += " --metrics-servers=false"
		}
		b.add(row{what: what, ours: s.took.Seconds(), need: "< 1 s", ok: s.took.Median() < 1})
		b.add(row{what: "  what it says", ours: s.bytes.Megabytes()})
		b.add(row{what: "  CPU of the agent for it", ours: s.cpu.Seconds()})
		b.add(row{what: fmt.Sprintf("  a verdict on one of %d checked RS, beside scrapes", scrapeChecked*b.size.servers), ours: s.beside.Seconds(), theirs: "without: " + s.alone.Seconds(), need: "< 5 ms", ok: s.beside.Median() < 0.005})
		b.add(row{what: "  the slowest of all", ours: lab.Series{slices.Max(s.beside)}.Seconds(), theirs: "without: " + lab.Series{slices.Max(s.alone)}.Seconds(), need: "< 20 ms", ok: slices.Max(s.beside) < 0.02})
		b.add(row{what: "  peak memory of the agent", ours: s.memory.Megabytes()})
	}
	return nil
}

type scrapes struct {
	*bench
	agent *nstest.Speaker
	http  http.Client
	url   string
	next  int // the real server that dies next

	took, bytes, cpu lab.Series // of scrapes; seconds, bytes, seconds
	alone, beside    lab.Series // from verdict to commit, in seconds
	memory           lab.Series
}

func (s *scrapes) run(ctx context.Context, servers bool) error {
	g, err := lab.NewGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	if _, err := g.Outside.Output(ctx, "nft", dead); err != nil {
		return err
	}
	fleet := sample.Fleet{Services: s.size.services, Servers: s.size.servers, Checked: min(scrapeChecked, s.size.services)}
	if err := s.start(ctx, g, fmt.Sprintf("scrape-%v", servers), fleet, "/metrics", fmt.Sprintf("--metrics-servers=%v", servers)); err != nil {
		return err
	}
	defer s.agent.Stop()
	if _, err := s.once(ctx); err != nil { // makes what the others only read
		return err
	}
	time.Sleep(3 * time.Second)
	for i := range s.n {
		s.say("  round %d of %d", i+1, s.n)
		if err := s.round(ctx, g, fleet); err != nil {
			return err
		}
	}
	memory, err := lab.PeakOf(s.agent.Pid())
	s.memory = lab.Series{float64(memory)}
	return err
}

// start starts an agent that answers over HTTP, and says what it is asked for.
func (s *scrapes) start(ctx context.Context, g *lab.Gateway, name string, fleet sample.Fleet, path string, args ...string) (err error) {
	if s.agent, err = s.bench.agent(ctx, g.Gateway, name, fleet.Policy(), append([]string{"--http", "127.0.0.1:9310"}, args...)...); err != nil {
		return err
	}
	s.url = "http://127.0.0.1:9310" + path
	s.http.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return g.Gateway.Dial("tcp", "", "127.0.0.1:9310")
	}}
	if _, err = s.agent.Hear(ctx, scrapeLimit, "msg=http_listening"); err != nil {
		s.agent.Stop()
	}
	return err
}

// round asks once, after what was read last is too old; then real servers die.
func (s *scrapes) round(ctx context.Context, g *lab.Gateway, fleet sample.Fleet) error {
	idle, err := lab.CPUOf(s.agent.Pid())
	if err != nil {
		return err
	}
	time.Sleep(scrapeIdle)
	before, err := lab.CPUOf(s.agent.Pid())
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := s.once(ctx)
	if err != nil {
		return err
	}
	took := time.Since(start)
	after, err := lab.CPUOf(s.agent.Pid())
	if err != nil {
		return err
	}
	s.took, s.bytes, s.cpu = append(s.took, took.Seconds()), append(s.bytes, float64(n)), append(s.cpu, (after-before).Seconds()-(before-idle).Seconds()/scrapeIdle.Seconds()*took.Seconds())
	if err := s.deaths(ctx, g, fleet, &s.alone); err != nil {
		return err
	}
	on, stop := context.WithCancel(ctx)
	asked := make(chan error, 1)
	go func() {
		for on.Err() == nil {
			if _, err := s.once(on); err != nil && on.Err() == nil {
				asked <- err
				return
			}
			select {
			case <-on.Done():
			case <-time.After(scrapePause):
			}
		}
		asked <- nil
	}()
	err = s.deaths(ctx, g, fleet, &s.beside)
	stop()
	if failed := <-asked; err == nil {
		err = failed
	}
	return err
}

// once scrapes, and returns how many bytes that are.
func (s *scrapes) once(ctx context.Context) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return 0, err
	}
	a, err := s.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	n, err := io.Copy(io.Discard, a.Body)
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("a scrape says %s", a.Status)
	}
	return n, err
}

// deaths lets real servers die, one each of some services, and hears how long each verdict took to the
// kernel. Then they live again.
func (s *scrapes) deaths(ctx context.Context, g *lab.Gateway, fleet sample.Fleet, took *lab.Series) error {
	var gone []string
	for range scrapeDeaths {
		gone = append(gone, fleet.ServersOf(s.next * 7 % fleet.Checked)[s.next%fleet.Servers])
		s.next++
	}
	for _, addr := range gone {
		if _, err := g.Outside.Output(ctx, "nft", "add element inet dead gone { "+addr+" }"); err != nil {
			return err
		}
	}
	for range gone {
		line, err := s.agent.Line(ctx, scrapeLimit, "msg=server_down")
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(line, "out_after=")
		d, err := time.ParseDuration(strings.TrimSpace(after))
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		*took = append(*took, d.Seconds())
	}
	if _, err := g.Outside.Output(ctx, "nft", "flush set inet dead gone"); err != nil {
		return err
	}
	for range gone {
		if _, err := s.agent.Hear(ctx, scrapeLimit, "msg=server_up"); err != nil {
			return err
		}
	}
	return nil
}
