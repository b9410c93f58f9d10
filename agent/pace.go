package agent

import "time"

// retry says when a policy that the kernel refused is tried again. The zero value: never.
type retry struct {
	at    time.Time
	pause time.Duration
}

// How long it is waited before a policy is tried again that the kernel refused.
const (
	shortestRetry = 10 * time.Second
	longestRetry  = 5 * time.Minute
)

func (r *retry) failed(now time.Time) {
	r.pause = min(max(2*r.pause, shortestRetry), longestRetry)
	r.at = now.Add(r.pause)
}

func (r *retry) due(now time.Time) bool { return !r.at.IsZero() && !now.Before(r.at) }

// pace says how soon drift is repaired. The first time that is at once. Who changes the table again
// soon after waits longer each time: two programs that each undo what the other does would
// otherwise keep the machine busy with nothing else.
type pace struct {
	repaired time.Time // the last time
	pause    time.Duration
}

// Drift that comes within soon of a repair, or within twice the pause before that, is a fight.
const (
	soon          = 10 * time.Second
	shortestPause = time.Second
	longestPause  = time.Minute
)

// peace tells whether nobody fights: drift that is found now is repaired at once.
func (p *pace) peace(now time.Time) bool {
	return p.repaired.IsZero() || now.Sub(p.repaired) > max(soon, 2*p.pause)
}

// found returns when drift that is found now is to be repaired.
func (p *pace) found(now time.Time) time.Time {
	switch {
	case p.peace(now):
		p.pause = 0
	default:
		p.pause = min(max(2*p.pause, shortestPause), longestPause)
	}
	return now.Add(p.pause)
}
