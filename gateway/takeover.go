package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// TakeOver is Hold, but an agent that holds the table is asked to let go of it first. It waits until
// the agent has. Who else holds the table keeps it: a BusyError.
func TakeOver(ctx context.Context, o Options) (*Gateway, error) {
	agent, err := askToYield(o.Table)
	if err != nil {
		return nil, err
	}
	var going time.Time // since when the lock has been held by nobody who listens
	for about := time.Millisecond; ; about = min(2*about, longestPause) {
		g, err := Hold(o)
		var busy *BusyError
		if agent == 0 || !errors.As(err, &busy) {
			return g, err
		}
		switch {
		case busy.By.PID == agent:
		case busy.By.PID != 0:
			return nil, err
		case going.IsZero(): // it lets go of its socket first (Lock.Release)
			going = time.Now()
		case time.Since(going) > longLook:
			return nil, err
		}
		if !waitAbout(ctx, about) {
			return nil, ctx.Err()
		}
	}
}

// askToYield asks the agent that holds a table to let go of it soon, and returns its process; 0 if no
// agent does.
func askToYield(table string) (pid int32, err error) {
	c, err := callHolder(table)
	if errors.Is(err, unix.ECONNREFUSED) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for table inet %s: %w", table, err)
	}
	defer c.Close()
	switch g, err := c.greeting(longLook); {
	case errors.Is(err, errDenied):
		return 0, err
	case err != nil || g.Agent == "":
		return 0, nil // taking the lock tells
	}
	if answer, err := c.ask(wordYield); err != nil || answer != yielded {
		return 0, fmt.Errorf("the agent (process %d) does not let go of table inet %s: %q %v; nothing was changed", c.pid, table, answer, err)
	}
	return c.pid, nil
}
