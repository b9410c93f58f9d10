// Package api is how an agent is spoken with: JSON over HTTP on a unix socket. It shows what the agent
// knows, and takes requests.
//
//	GET  /api/v1/agent    an agent.Snapshot
//	GET  /api/v1/services what it knows of the services and their real servers: a list of agent.Service
//	GET  /api/v1/state    the states of the services: a policy.State
//	POST /api/v1/servers  an agent.Order about a real server; the answer is its agent.Service
//	POST /api/v1/uplinks  an agent.UplinkOrder; the answer is its agent.Uplink
//	POST /api/v1/apply    an ApplyRequest; the answer is a Line of JSON for each thing that happens
//	POST /api/v1/cleanup  ends flows that contradict the table; the answer is a Cleaned
//	POST /api/v1/revert   takes back what awaits confirmation
//	POST /api/v1/reload   makes the agent read its policy again
//
// Beside these stands what package web answers those who only read.
package api

import (
	"errors"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/gateway"
)

// Paths of requests.
const (
	pathAgent    = "/api/v1/agent"
	pathServices = "/api/v1/services"
	pathState    = "/api/v1/state"
	pathServers  = "/api/v1/servers"
	pathUplinks  = "/api/v1/uplinks"
	pathApply    = "/api/v1/apply"
	pathCleanup  = "/api/v1/cleanup"
	pathRevert   = "/api/v1/revert"
	pathReload   = "/api/v1/reload"
)

// ApplyRequest asks the agent to put the policy of its files in force now.
type ApplyRequest struct {
	agent.Request
	Files []string `json:"files"` // absolute; the agent refuses others than its own
	Hash  string   `json:"hash"`  // of their text as the caller read it; empty: whatever it is
}

// Line is one thing that happens while a policy is applied. One field is set.
type Line struct {
	Stage    string       `json:"stage,omitempty"`
	Took     *Took        `json:"took,omitempty"`
	Switched string       `json:"switched,omitempty"`
	Value    string       `json:"value,omitempty"` // of Switched; empty: 1
	Released int          `json:"released,omitempty"`
	Warning  string       `json:"warning,omitempty"`
	Applied  *AppliedLine `json:"applied,omitempty"`
	End      *End         `json:"end,omitempty"` // the last
}

// Took says how long a stage has taken.
type Took struct {
	Stage string        `json:"stage"`
	Time  time.Duration `json:"ns"`
}

// AppliedLine says what was changed. If Confirm is not zero it is taken back then unless it is confirmed.
type AppliedLine struct {
	Result  gateway.Result     `json:"result"`
	Told    gateway.Difference `json:"told"` // with what ended of which object
	Confirm time.Duration      `json:"confirm_ns"`
	Hash    string             `json:"hash"`
}

// Cleaned says what a cleanup did. An End that is not done says what it did not do.
type Cleaned struct {
	gateway.Cleaned
	End End `json:"end"`
}

// End says how it ended.
type End struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"` // empty: well
}

// Kind is a kind of end, as gateway's errors are.
type Kind string

// The kinds.
const (
	Done       Kind = "done"
	Refused    Kind = "refused"
	Incomplete Kind = "incomplete"
	Reverted   Kind = "reverted"
	Busy       Kind = "busy" // the agent keeps another policy
)

// Error is an end that is not well.
type Error struct{ End }

// Error returns what the agent said.
func (e *Error) Error() string { return e.Text }

// endOf says how an apply of the agent ended.
func endOf(err error) *End {
	var reverted *gateway.RevertedError
	var left *gateway.IncompleteError
	kind := Refused
	switch {
	case err == nil:
		return &End{Kind: Done}
	case errors.As(err, &reverted):
		kind = Reverted
	case errors.As(err, &left):
		kind = Incomplete
	}
	return &End{kind, err.Error()}
}

// lineOf is an event as a line; of those that are no part of an apply it is empty.
func lineOf(e gateway.Event) (l Line) {
	switch e := e.(type) {
	case gateway.Stage:
		l.Stage = string(e)
	case gateway.Took:
		l.Took = &Took{string(e.Stage), e.Time}
	case gateway.Switched:
		l.Switched, l.Value = e.Key, e.Value
	case gateway.Released:
		l.Released = e.Clients
	case gateway.Warning:
		l.Warning = e.Err.Error()
	}
	return l
}

// event is the line as the event that it was; nil if it is none.
func (l Line) event() gateway.Event {
	switch {
	case l.Stage != "":
		return gateway.Stage(l.Stage)
	case l.Took != nil:
		return gateway.Took{Stage: gateway.Stage(l.Took.Stage), Time: l.Took.Time}
	case l.Switched != "":
		return gateway.Switched{Key: l.Switched, Value: l.Value}
	case l.Released != 0:
		return gateway.Released{Clients: l.Released}
	case l.Warning != "":
		return gateway.Warning{Err: errors.New(l.Warning)}
	}
	return nil
}
