package health

import "time"

// State is what is known of a server.
type State uint8

// The states. The zero value is Unknown: not checked often enough yet.
const (
	Unknown State = iota
	Up
	Down
)

// String returns "unknown", "up" or "down".
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// Verdict is a change of a server's state.
type Verdict struct {
	ID     ID
	State  State
	Since  time.Time
	Reason string // why it is down, in a few words; empty if it is up
	Was    State
	WasFor time.Duration // how long the last state lasted, as far as the scheduler has seen it
}

// Health is what is known of one target now. The zero value is that of a target that is not
// checked.
type Health struct {
	State      State
	LastCheck  time.Time     // when the last check ended; zero: none has yet
	LastChange time.Time     // when State last changed; zero: not since the target is known
	Error      string        // why the last check failed; empty if it passed
	Took       time.Duration // the last check, from start to end
	Failures   uint64        // failed checks since the target is known
}

// Observation is one check that has ended, for metrics.
type Observation struct {
	ID    ID
	Type  string
	Took  time.Duration // from start to end
	Late  time.Duration // from when it was due to its start
	Error string        // empty: it passed
	Local bool          // it failed for want of something of this machine, and counts for neither side
}
