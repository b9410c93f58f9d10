package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// bench is one run.
type bench struct {
	snatctl string // path of the binary
	dir     string // for policies and scripts
	n       int    // rounds
	size    size
	rows    []row
}

// size is how large the policies are.
type size struct {
	services, servers int // servers: of each service
	smallServices     int // for the change that must not grow
	manyServices      int // for the apply that must not grow faster than they do
	zones             int
	flows, connects   int    // new connections a round
	table, stale      int    // flows in a large table, and those to be ended
	checked           int    // servers whose health is checked
	countServices     [2]int // for the counts that must be the same
	countZones        [2]int
}

var (
	full  = size{services: 30000, servers: 4, smallServices: 1000, manyServices: 100000, zones: 10000, flows: 60000, connects: 10000, table: 200000, stale: 1000, checked: 20000, countServices: [2]int{5000, 30000}, countZones: [2]int{1000, 10000}}
	small = size{services: 2000, servers: 4, smallServices: 200, manyServices: 6000, zones: 1000, flows: 5000, connects: 1000, table: 20000, stale: 100, checked: 2000, countServices: [2]int{5000, 10000}, countZones: [2]int{100, 1000}}
)

// part is a group of rows that are measured together.
type part struct {
	name, what string
	run        func(*bench, context.Context) error
	slow       bool // measured only when it is named
}

var parts = []part{
	{name: "counts", what: "rules and chains", run: (*bench).counts},
	{name: "load", what: "services from nothing", run: (*bench).load},
	{name: "change", what: "one real server changes", run: (*bench).change},
	{name: "verdict", what: "real servers that go down", run: (*bench).verdict},
	{name: "zones", what: "zones from nothing", run: (*bench).zones},
	{name: "rate", what: "new connections", run: (*bench).rate},
	{name: "invalid", what: "the rule for invalid packets", run: (*bench).invalid},
	{name: "limits", what: "limits of connections", run: (*bench).limits, slow: true},
	{name: "toa", what: "who called, behind FULLNAT", run: (*bench).toa, slow: true},
	{name: "uplinks", what: "uplinks as objects", run: (*bench).uplinks, slow: true},
	{name: "timeouts", what: "timeouts and sizes of segments", run: (*bench).timeouts, slow: true},
	{name: "flows", what: "a large flow table", run: (*bench).flowTable},
	{name: "events", what: "conntrack events", run: (*bench).events},
	{name: "checks", what: "health checks", run: (*bench).checks},
	{name: "scrape", what: "metrics of an agent", run: (*bench).scrape, slow: true},
	{name: "page", what: "the status page of an agent", run: (*bench).page, slow: true},
	{name: "idle", what: "an agent with nothing to do", run: (*bench).idle, slow: true},
	{name: "lc", what: "least connections by an agent", run: (*bench).least, slow: true},
	{name: "removal", what: "from the death of a real server until it is out", run: (*bench).removed, slow: true},
}

func (p part) called() string { return p.name }

func (p part) isSlow() bool { return p.slow }

func slowParts() []part {
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !p.slow })
}

// say tells on standard error what is going on.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// write puts a file into the run's directory and returns its path.
func (b *bench) write(name string, data []byte) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

// script compiles a policy file with the binary and returns the path of the script.
func (b *bench) script(ctx context.Context, h *nstest.Host, file string) (string, error) {
	out, err := h.Output(ctx, b.snatctl, "compile", "-f", file)
	if err != nil {
		return "", err
	}
	return b.write(filepath.Base(file)+".nft", []byte(out))
}

// compiled returns the ruleset of a policy, ready to be compared.
func compiled(text []byte) (none nft.Formed, err error) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
	if p == nil {
		return none, ds.Err()
	}
	r, ds := compiler.Compile(p)
	if r == nil {
		return none, ds.Err()
	}
	return wire.Forms(r)
}

// clear deletes the table of a host and waits for its end.
func clear(ctx context.Context, h *nstest.Host) error {
	_, err := h.Output(ctx, "nft", "delete table inet snatctl")
	lab.Pause()
	return err
}
