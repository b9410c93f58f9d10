package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// defaultStateDir is where history lives unless a service manager gives another directory
// (systemd.exec(5), StateDirectory).
const defaultStateDir = "/var/lib/snatctl"

func stateDirFlag(c *cobra.Command, dir *string) {
	given, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if given == "" {
		given = defaultStateDir
	}
	c.Flags().StringVar(dir, "state-dir", given, "where the history of what was applied is kept")
	c.Flags().Lookup("state-dir").DefValue = defaultStateDir
	_ = c.MarkFlagDirname("state-dir")
}

// load reads and compiles what is to be applied: files, or an entry of the history.
func (o applyOptions) load(t *timings, status int) (*policy.Policy, *nft.Ruleset, []policy.Source, error) {
	if o.entry == nil {
		if err := fits(o.files); err != nil {
			return nil, nil, nil, exit{status, fmt.Errorf("%w; nothing was changed", err)}
		}
		makeRoom(sizeOf(o.files))
		return loadFrom(func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
			return read.LoadSources(o.files, os.Stdin)
		}, t, status)
	}
	srcs, err := history.Open(o.stateDir).Sources(*o.entry)
	if err != nil {
		return nil, nil, nil, exit{status, fmt.Errorf("read entry %d of the history: %w; nothing was changed", o.entry.ID, err)}
	}
	size := 0
	for _, src := range srcs {
		size += len(src.Data)
	}
	makeRoom(int64(size))
	return loadFrom(func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
		p, ds := read.Parse(srcs)
		return p, srcs, ds
	}, t, status)
}

// record keeps what was applied, and returns what marks it later. The policy is in force by
// then: what fails is worth a warning.
func (o applyOptions) record(want *nft.Ruleset, srcs []policy.Source, d difference, as history.State, t *timings) (mark func(history.State) error) {
	defer func(start time.Time) { t.Record = since(start) }(time.Now())
	if o.command == "" { // boot: what it applies is in the history
		return func(history.State) error { return nil }
	}
	store := history.Open(o.stateDir)
	e := history.Entry{Table: want.Table, Time: time.Now().UTC().Truncate(time.Second), User: operator(), Command: o.command, Summary: d.summary(), State: as}
	e, err := store.Add(e, absolute(srcs))
	if err != nil {
		fmt.Fprintf(stderr, "warning: the policy is in force, but the history in %s is not complete: %v (rollback and boot may not know this policy; see --state-dir)\n", o.stateDir, err)
	}
	return func(s history.State) error {
		if e.ID == 0 {
			return err
		}
		err := store.Mark(e, s)
		if err != nil {
			fmt.Fprintf(stderr, "warning: entry %d of the history in %s still says %q, and should say %q: %v\n", e.ID, o.stateDir, e.State, s, err)
		}
		return err
	}
}

// absolute returns the sources with names that tell where they were.
func absolute(srcs []policy.Source) []policy.Source {
	out := make([]policy.Source, len(srcs))
	for i, s := range srcs {
		out[i] = s
		if path, err := filepath.Abs(s.Name); err == nil && s.Name != "<stdin>" {
			out[i].Name = path
		}
	}
	return out
}

// operator names who runs this, and behind sudo who asked for it.
func operator() string {
	name := fmt.Sprintf("uid %d", os.Geteuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && by != name {
		return by + " as " + name
	}
	return name
}

// named bounds how many objects a summary names.
const named = 3

// summary says in one line what changed.
func (d difference) summary() string {
	if len(d.Changes) == 0 && d.Rules == (nft.Tally{}) && d.Elements == (nft.Tally{}) {
		return "no difference"
	}
	services := make(map[string]bool)
	for _, c := range d.Changes {
		if c.Kind == tell.KindService {
			services[c.Name] = true
		}
	}
	type object struct {
		action tell.Action
		kind   tell.Kind
		name   string
	}
	var objects []string
	more, told := 0, make(map[object]bool) // an object may have changed in several ways
	for _, c := range d.Changes {
		if service, _, _ := strings.Cut(c.Name, "/"); c.Kind == tell.KindRealServer && services[service] {
			continue // its service says enough
		}
		o := object{c.Action, c.Kind, c.Name}
		switch {
		case told[o]:
		case len(objects) == named:
			more++
		default:
			objects = append(objects, fmt.Sprintf("%s %s %s", c.Action.Mark(), strings.ReplaceAll(string(c.Kind), "_", " "), c.Name))
		}
		told[o] = true
	}
	s := strings.Join(objects, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	if s == "" {
		return fmt.Sprintf("rules +%d -%d, elements +%d -%d", d.Rules.Add, d.Rules.Delete, d.Elements.Add, d.Elements.Delete)
	}
	return s
}
