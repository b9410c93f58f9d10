package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/ha"
)

// PairState is how a node of a pair stands.
type PairState struct {
	Change   *RoleChange  // nil: nobody has told it a role
	Gate     GateState    //
	Daemon   *DaemonStats // nil: conntrackd does not answer, or there is none
	Problems []string
}

// daemonPatience is how long conntrackd may take to answer a simple question.
const daemonPatience = 3 * time.Second

// changePatience is how long a change of role takes at most.
const changePatience = time.Minute

// PairStatus finds out how this node stands, and what is wrong with that.
func PairStatus(ctx context.Context, table string, d Conntrackd, sync bool) (s PairState, err error) {
	gate, err := OpenGate(table)
	if err != nil {
		return s, err
	}
	defer gate.Close()
	if s.Gate, err = gate.State(ctx); err != nil {
		return s, err
	}
	if s.Change, err = LastRole(table); err != nil {
		return s, err
	}
	wrong := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	switch c := s.Change; {
	case c == nil:
		wrong("keepalived has told this node no role yet: is it running, and does it call `snatctl ha notify`?")
	case !c.Done && time.Since(c.At) < changePatience:
	case !c.Done:
		wrong("the change to %s was cut short: repeat it with `snatctl ha notify %s`", c.Role, c.Role)
	case c.Role == ha.Primary && s.Gate.Closed:
		wrong("it is primary, but its gate is closed: new connections are dropped (`snatctl ha notify primary` opens it)")
	case c.Role != ha.Primary && !s.Gate.Closed:
		wrong("it is %s, but its gate is open: after a takeover it will cut connections (`snatctl ha notify %s` closes it)", c.Role, c.Role)
	}
	if s.Change != nil {
		for _, f := range s.Change.Failed() {
			wrong("%s failed when it became %s: %s", f.Do, s.Change.Role, f.Error)
		}
	}
	if !sync {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, daemonPatience)
	defer cancel()
	stats, err := d.Stats(ctx)
	if err != nil {
		wrong("flows are not handed on: %v", err)
		return s, nil
	}
	s.Daemon = &stats
	return s, nil
}
