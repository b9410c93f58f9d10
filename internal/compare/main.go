// Compare measures snatctl beside other ways to do its job: nftlb, a ruleset in kube-proxy's
// shape, iptables, rules written by hand, and IPVS. It writes the tables and plots of
// docs/compare.md.
//
// It runs as root and changes nothing outside: everything happens in network namespaces
// that vanish with the process, however it ends, and in a virtual machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

// options are what the flags say.
type options struct {
	snatctl, only, results, docs, contenders string
	rounds                                   int
	quick, guest, show                       bool
}

// String is the command line, without paths of this machine.
func (o options) String() string {
	text := "make compare"
	var flags []string
	if o.rounds != defaultRounds {
		flags = append(flags, fmt.Sprint("-n ", o.rounds))
	}
	if o.quick {
		flags = append(flags, "-quick")
	}
	if o.only != "" {
		flags = append(flags, "-only "+o.only)
	}
	if o.contenders != "" {
		flags = append(flags, fmt.Sprintf("-contenders %q", o.contenders))
	}
	if flags != nil {
		text += fmt.Sprintf(" COMPARE_FLAGS='%s'", strings.Join(flags, " "))
	}
	return text
}

const defaultRounds = 3

func main() {
	lab.Main()
	var o options
	flag.StringVar(&o.snatctl, "snatctl", "", "the `binary` to measure (default: bin/snatctl, ./snatctl, or the one in PATH)")
	flag.IntVar(&o.rounds, "n", defaultRounds, "rounds")
	flag.BoolVar(&o.quick, "quick", false, "small jobs, in about a minute")
	flag.StringVar(&o.only, "only", "", "comma-separated `parts` to run anew: "+lab.Names(parts, part.called))
	flag.StringVar(&o.contenders, "contenders", "", "comma-separated `names`; empty: all")
	flag.StringVar(&o.results, "results", "bin/compare.json", "`file` that keeps the last run of each part")
	flag.StringVar(&o.docs, "docs", "", "`directory` whose compare.md and plots are written anew, from the last run of each part")
	flag.BoolVar(&o.show, "show", false, "measure nothing: show and write what the last runs found")
	flag.BoolVar(&o.guest, "guest", false, "measure services and write the runs to standard output, as JSON: what the part ipvs has a virtual machine do")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := compare(ctx, o)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ncompare: interrupted; parts that were done are kept")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// comparison is one run.
type comparison struct {
	snatctl    string
	dir        string // for files
	rounds     int
	turn       int // connections that one gateway takes up before it is another's turn
	quick      bool
	command    string // that does the same again
	sizes      sizes
	contenders []contender
	results    []result // of the part that runs
}

// compare runs the parts asked for, keeps what they found, and shows what is known.
func compare(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make network namespaces")
	}
	c, err := newComparison(o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	if o.guest {
		return c.runGuest(ctx)
	}
	known, err := readRuns(o.results)
	if err != nil {
		return err
	}
	chosen, err := lab.Choose("part", parts, part.called, o.only)
	if err != nil {
		return err
	}
	if o.show {
		chosen = nil
	}
	failed := c.run(ctx, chosen, known, o.results)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	printTables(os.Stdout, known)
	if o.docs != "" {
		failed = errors.Join(failed, writeDocs(o.docs, known))
	}
	return failed
}

// run runs parts and keeps what each has found. What keeps one from its end spoils no other.
func (c *comparison) run(ctx context.Context, chosen []part, known runs, path string) (failed error) {
	for _, p := range chosen {
		r, err := c.part(ctx, p)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNoGuest):
			c.say("  left out: %v", err)
		case err != nil:
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
		default:
			known[p.name] = r
			if err := known.write(path); err != nil {
				return errors.Join(failed, err)
			}
		}
	}
	return failed
}

func newComparison(o options) (*comparison, error) {
	c := &comparison{turn: defaultTurn, rounds: o.rounds, quick: o.quick, sizes: full, command: o.String()}
	if o.quick {
		c.rounds, c.sizes = min(o.rounds, 2), small
	}
	var err error
	if c.snatctl, err = nstest.Program(o.snatctl); err != nil {
		return nil, err
	}
	if c.contenders, err = lab.Choose("contender", all(c.snatctl), contender.called, o.contenders); err != nil {
		return nil, err
	}
	c.dir, err = os.MkdirTemp("", "snatctl-compare-")
	return c, err
}

// part runs one part.
func (c *comparison) part(ctx context.Context, p part) (run, error) {
	c.say("%s", p.what)
	c.results = nil
	r := run{When: time.Now(), Machine: lab.Machine(), Rounds: c.rounds, Quick: c.quick, Busy: busy(), Command: c.command}
	err := p.run(c, ctx)
	c.say("  done in %s", time.Since(r.When).Round(time.Second))
	r.Results = c.results
	return r, err
}

func (c *comparison) add(x contender, j job, measure string, values lab.Series) {
	c.results = append(c.results, result{Contender: x.name, Size: j.size(), Measure: measure, Values: values})
}

func (c *comparison) skip(x contender, j job, why string) {
	c.say("    %s: left out: %s", x.name, why)
	c.results = append(c.results, result{Contender: x.name, Size: j.size(), Why: why})
}

// busy tells whether others keep the processors busy.
func busy() bool {
	text, _ := os.ReadFile("/proc/loadavg")
	var load float64
	_, err := fmt.Sscan(string(text), &load)
	return err == nil && load > float64(runtime.NumCPU())/2
}

// said opens each line of progress.
const said = "compare: "

// say tells on standard error what is going on.
func (c *comparison) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, said+format+"\n", args...)
}
