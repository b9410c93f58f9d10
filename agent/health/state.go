package health

import "time"

// result is how a check ended.
type result struct {
	problem string // empty: it passed
	local   bool   // this machine could not check at all: says nothing about the server
	took    time.Duration
}

// record is what is known of a target: its state, and the passes or failures in a row that may
// change it. The zero value knows nothing.
type record struct {
	health Health
	since  time.Time // when the state began, as far as it was seen
	passes int       // in a row; 0 after a failure
	fails  int       // in a row; 0 after a pass
}

// add counts a result and tells whether the state changed. A state changes after rise passes
// or fall failures in a row, from Unknown as well. What fails for want of something of this
// machine counts for neither.
func (r *record) add(now time.Time, res result, rise, fall int) (v Verdict, changed bool) {
	r.health.LastCheck, r.health.Took, r.health.Error = now, res.took, res.problem
	becomes := r.health.State
	switch {
	case res.local:
		return v, false
	case res.problem == "":
		r.passes, r.fails = r.passes+1, 0
		if r.passes >= rise {
			becomes = Up
		}
	default:
		r.health.Failures++
		r.passes, r.fails = 0, r.fails+1
		if r.fails >= fall {
			becomes = Down
		}
	}
	if becomes == r.health.State {
		return v, false
	}
	v = Verdict{State: becomes, Since: now, Reason: res.problem, Was: r.health.State, WasFor: now.Sub(r.since)}
	r.health.State, r.health.LastChange, r.since = becomes, now, now
	return v, true
}

// restart forgets passes and failures in a row, and keeps the state: results of another check
// do not add up with them.
func (r *record) restart() { r.passes, r.fails = 0, 0 }

// suspect takes a target for down.
func (r *record) suspect(now time.Time) {
	r.restart()
	if r.health.State != Down {
		r.health.State, r.health.LastChange, r.since = Down, now, now
	}
}
