package agent

import (
	"maps"
	"slices"
	"time"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway"
)

// Snapshot is all that an agent knows at one moment.
type Snapshot struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Table   string    `json:"table"`
	Files   []string  `json:"files"` // what it reads the policy from, absolute
	Policy  Policy    `json:"policy"`
	Drift   Drift     `json:"drift"`
	Trial   *Trial    `json:"trial"` // nil: nothing awaits confirmation

	Uplinks []Uplink `json:"uplinks"` // those of the policy that are objects, in its order

	FlowsEnded map[string]uint64 `json:"flows_ended"` // how many flows were ended why: the reasons below
}

// Policy is the one in force, and what became of newer ones.
type Policy struct {
	Hash      string    `json:"hash"` // gateway.Wanted.Hash
	AppliedAt time.Time `json:"applied_at"`
	AppliedBy string    `json:"applied_by"`
	LastGood  bool      `json:"last_good"` // it is the history's, since that of the files is refused
	Summary   string    `json:"summary"`   // of what it changed

	Newest     string    `json:"newest"`      // hash of the newest that was read; empty: it could not be read
	Error      string    `json:"error"`       // why the newest is not in force; empty: it is
	Findings   []string  `json:"findings"`    // diagnostics of the newest, with their places
	ErrorSince time.Time `json:"error_since"` // zero: there is none
	Incomplete string    `json:"incomplete"`  // what of the newest apply was not done

	// When the newest of the files was changed, as they are now, and as they were when the policy in force
	// was read from them. They differ while that is not what the files say. Zero: not known.
	FilesModified time.Time `json:"files_modified,omitzero"`
	FilesInForce  time.Time `json:"files_in_force,omitzero"`

	Applied map[string]uint64  `json:"applied"`  // how many applies ended how: applied, unchanged, refused, incomplete, reverted
	Stages  map[string]float64 `json:"stages_s"` // how many seconds each stage of the newest took: load, compile, read, diff, tell, commit, record, cleanup
}

// readAt says that the policy in force is what the files said that were changed last at some time.
func (p *Policy) readAt(modified time.Time) {
	if !modified.IsZero() {
		p.FilesInForce, p.FilesModified = modified, modified
	}
}

// Stale tells whether the files were changed since the policy in force was read from them: what they say
// may be refused, on trial, or not looked at.
func (p *Policy) Stale() bool {
	return !p.FilesModified.IsZero() && !p.FilesModified.Equal(p.FilesInForce)
}

// The ends of applies.
const (
	Applied    = "applied"
	Unchanged  = "unchanged"
	Refused    = "refused"
	Incomplete = "incomplete"
	Reverted   = "reverted"
)

// Drift is what others change in the table.
type Drift struct {
	Found    uint64        `json:"found"`
	Repairs  uint64        `json:"repairs"`
	Last     time.Time     `json:"last"`     // it was found; zero: never
	Changes  []tell.Change `json:"changes"`  // what was found last: what repairing it changes
	Standing []tell.Change `json:"standing"` // what is not repaired
	Until    time.Time     `json:"until"`    // when it is repaired, since somebody keeps fighting; zero: at once, or never
}

// Trial is a policy that awaits confirmation.
type Trial struct {
	Hash  string    `json:"hash"`
	User  string    `json:"user"`
	Until time.Time `json:"until"` // it is taken back then
}

// Snapshot returns what the agent knows now. It is safe for concurrent use.
func (a *Agent) Snapshot() Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.know
	s.Policy.Applied, s.Policy.Stages, s.FlowsEnded = maps.Clone(s.Policy.Applied), maps.Clone(s.Policy.Stages), maps.Clone(s.FlowsEnded)
	s.Uplinks = a.probedUplinks(s.Uplinks)
	s.Drift.Changes, s.Drift.Standing = slices.Clone(s.Drift.Changes), slices.Clone(s.Drift.Standing)
	return s
}

// learn changes what the agent knows.
func (a *Agent) learn(change func(*Snapshot)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.know)
}

// hear takes what the engine tells: who asked hears it first.
func (a *Agent) hear(e gateway.Event) {
	a.mu.Lock()
	listener, quiet := a.listener, a.quiet
	if took, ok := e.(gateway.Took); ok && a.stages != nil {
		a.stages.add(stageNames[took.Stage], took.Time)
	}
	a.mu.Unlock()
	if listener != nil {
		listener(e)
	}
	switch e := e.(type) {
	case gateway.Switched:
		a.log.Info("sysctl_set", "key", e.Key)
	case gateway.Released:
		a.log.Info("clients_released", "clients", e.Clients)
	case gateway.Warning:
		if !quiet {
			a.log.Warn("engine_warning", "warning", e.Err)
		}
	case gateway.Took:
		a.alive() // a large commit is no hang
	}
}
