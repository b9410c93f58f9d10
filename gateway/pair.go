package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/ha"
)

// Pair is a node of a pair whose role changes.
type Pair struct {
	Table  string
	Daemon Conntrackd
	Sync   bool // conntrackd has the peer's flows; otherwise it is asked for nothing
	Limits ha.Limits
	// Clean ends the flows that contradict the policy in force, wherever that is done.
	Clean    func(context.Context) (Cleaned, error)
	StateDir string // where the policy in force is found
}

// RoleChange is how a node took its role: what is kept of it until the next one.
type RoleChange struct {
	Role    ha.Role      `json:"role"`
	At      time.Time    `json:"at"`
	Done    bool         `json:"done"` // otherwise it is under way, or its process was ended
	Dropped uint64       `json:"dropped"`
	Steps   []StepResult `json:"steps"`
}

// StepResult is what became of a step.
type StepResult struct {
	Do    ha.Action `json:"step"`
	Took  float64   `json:"took_s"`
	Count *int      `json:"count,omitempty"` // of the flows ended, or the clients remembered
	Error string    `json:"error,omitempty"`
}

// Failed returns the steps that failed.
func (c *RoleChange) Failed() (failed []StepResult) {
	for _, s := range c.Steps {
		if s.Error != "" {
			failed = append(failed, s)
		}
	}
	return failed
}

// ErrOvertaken says that another change of role began after this one.
var ErrOvertaken = errors.New("another change of role began after this one, and counts")

// waiting is how long a change of role waits for the one before it. That one may hang in conntrackd.
const waiting = 10 * time.Second

// Become takes a role. Changes are taken one after another; one after which another role was asked for ends: ErrOvertaken. A primary that
// is called so again at once waits first, and does it once for all who wait: keepalived calls it for each advert of another primary. An error says that the gate does not stand as the role wants it; what else failed stands in the steps.
func (p *Pair) Become(ctx context.Context, r ha.Role) (RoleChange, error) {
	ctx = context.WithoutCancel(ctx) // a change that ends half way leaves the gate closed
	c := RoleChange{Role: r, At: time.Now()}
	base, err := lockPath(p.Table, makeDir)
	if err != nil {
		return c, fmt.Errorf("keep the role of this node: %w", err)
	}
	gate, err := OpenGate(p.Table)
	if err != nil {
		return c, err
	}
	defer gate.Close()
	if err := replaceFile(base+".role.next", []byte(r)); err != nil {
		return c, fmt.Errorf("keep the role of this node: %w", err)
	}
	if r != ha.Primary {
		_ = gate.Shut(ctx) // also while a change that began earlier is under way; the step tells how it went
	}
	overtaken := func() bool {
		next, err := os.ReadFile(base + ".role.next")
		return err == nil && ha.Role(next) != r
	}
	turn, err := takeTurn(ctx, base+".role.lock")
	if err != nil {
		return c, fmt.Errorf("wait for the change of role that is under way: %w", err)
	}
	defer func() { turn.Close() }()
	for last, err := LastRole(p.Table); err == nil && last.again(&c); last, err = LastRole(p.Table) {
		if last.At.After(c.At) { // it began after this call
			return *last, nil
		}
		wait := time.Until(last.ended().Add(pause))
		if wait <= 0 {
			break
		}
		turn.Close() // who takes another role need not wait
		time.Sleep(wait)
		if turn, err = takeTurn(ctx, base+".role.lock"); err != nil {
			return c, fmt.Errorf("wait for the change of role that is under way: %w", err)
		}
		if overtaken() {
			return c, ErrOvertaken
		}
	}
	c.At = time.Now()
	p.write(base, c)
	var stuck error
	failed := make(map[ha.Action]bool)
	for _, s := range ha.Steps(r, p.Sync, p.Limits) {
		if overtaken() {
			return c, ErrOvertaken
		}
		if failed[s.After] {
			continue
		}
		if s.Do == ha.OpenGate {
			if now, err := gate.State(ctx); err == nil {
				c.Dropped = now.Dropped
			}
		}
		result, err := p.step(ctx, gate, s)
		c.Steps = append(c.Steps, result)
		if err != nil {
			failed[s.Do] = true
		}
		if err != nil && (s.Do == ha.OpenGate || s.Do == ha.CloseGate && r != ha.Primary) {
			stuck = errors.Join(stuck, err)
		}
	}
	c.Done = true
	p.write(base, c)
	return c, stuck
}

// pause is how long a primary that is called so once more waits.
const pause = 3 * time.Second

// again tells whether a change only repeats one that is just done.
func (c *RoleChange) again(next *RoleChange) bool {
	return c != nil && c.Done && c.Role == ha.Primary && next.Role == ha.Primary && len(c.Failed()) == 0 && next.At.Sub(c.ended()) < pause
}

// ended is when the last step was done.
func (c *RoleChange) ended() time.Time {
	end := c.At
	for _, s := range c.Steps {
		end = end.Add(time.Duration(s.Took * float64(time.Second)))
	}
	return end
}

// step does one.
func (p *Pair) step(ctx context.Context, gate *Gate, s ha.Step) (r StepResult, err error) {
	r.Do = s.Do
	start := time.Now()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	switch {
	case s.Args != nil:
		_, err = p.Daemon.Run(ctx, s.Args...)
	case s.Do == ha.CloseGate:
		err = gate.Shut(ctx)
	case s.Do == ha.OpenGate:
		err = gate.Open(ctx)
	case s.Do == ha.Stick:
		r.Count, err = p.stick(ctx)
	case s.Do == ha.CleanUp:
		var done Cleaned
		done, err = p.Clean(ctx)
		n := done.Stale.Count(done.Done)
		r.Count = &n
	}
	if r.Took = time.Since(start).Seconds(); err != nil {
		r.Error = err.Error()
	}
	return r, err
}

// stick has persistent services know the clients of the flows that were entered.
func (p *Pair) stick(ctx context.Context) (*int, error) {
	g, err := Look(Options{Table: p.Table, StateDir: p.StateDir})
	if err != nil {
		return nil, err
	}
	defer g.Close()
	n, err := g.Stick(ctx)
	return &n, err
}

// keptRole is a change of role as its file has it.
type keptRole struct {
	RoleChange
	Place history.Place `json:"place"` // the file's name has the number of a namespace, which may be another's by now
}

// write keeps what is known of a change of role. Packets do not need it.
func (p *Pair) write(base string, c RoleChange) { _ = writeRole(base, keptRole{c, here()}) }

func writeRole(base string, kept keptRole) error {
	b, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return replaceFile(base+".role", b)
}

// LastRole reads how this node took its role; nil if nobody told it one since it was started.
func LastRole(table string) (*RoleChange, error) {
	base, err := lockPath(table, ownDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(base + ".role")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept keptRole
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the role of this node: %w", err)
	case kept.Place.Elsewhere(here()):
		return nil, nil
	}
	return &kept.RoleChange, nil
}

// takeTurn locks a file once nobody else has it locked.
func takeTurn(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, waiting)
	defer cancel()
	for {
		f, err := lockFile(path)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || !waitAbout(ctx, 5*time.Millisecond) {
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// replaceFile writes a file that readers find whole, as it was or as it is.
func replaceFile(path string, content []byte) error {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return nil
}
