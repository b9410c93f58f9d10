// Package ha is about pairs of gateways: what keepalived and conntrackd of a node are told, as text, and what
// a node has to do when its role changes, as steps. It runs nothing.
package ha

import "time"

// Role is what a node of a pair is. The zero value is none: nobody has said it yet.
type Role string

// The roles, as keepalived tells them.
const (
	Primary Role = "primary" // it has the addresses, and forwards
	Backup  Role = "backup"  // it waits
	Fault   Role = "fault"   // it cannot take over: a link is down, or keepalived has ended
)

// Roles are all of them.
var Roles = []Role{Primary, Backup, Fault}

// Action is a kind of step.
type Action string

// The actions.
const (
	CloseGate Action = "close the gate" // the node forwards no packet that belongs to no known flow
	OpenGate  Action = "open the gate"
	Commit    Action = "commit flows"   // by conntrackd
	Stick     Action = "sticky clients" // of the flows, before new connections come
	CleanUp   Action = "cleanup"
	HandOn    Action = "hand flows on" // to the peer, by conntrackd
	Forget    Action = "forget flows"  // own ones, some time later, by conntrackd
	AskPeer   Action = "ask the peer"  // for its flows, by conntrackd
)

// Step is one thing that a node does when its role changes. A step that fails does not keep the next ones from
// being done.
type Step struct {
	Do    Action
	Args  []string      // of conntrackd, if it does the step
	Limit time.Duration // after which the step has failed; 0: none
	After Action        // the step is left out if one of this action has failed; "": it never is
}

// Limits bound the steps that may take long. The zero value of each is its default.
type Limits struct {
	Commit time.Duration // until the flows are there, and as long again until the clients are; the gate stays closed meanwhile. 5 s
	Rest   time.Duration // of every step behind the gate; 30 s
}

func (l *Limits) defaults() {
	if l.Commit == 0 {
		l.Commit = 5 * time.Second
	}
	if l.Rest == 0 {
		l.Rest = 30 * time.Second
	}
}

// Steps are what a node does that takes a role, in order. Without sync nothing is asked of conntrackd.
//
// Who becomes primary closes the gate first, even if it should be closed: a node that was primary all along and
// has met another one (keepalived's notify_master_rx_lower_pri) takes over that one's flows in the same way.
func Steps(r Role, sync bool, l Limits) (steps []Step) {
	l.defaults()
	daemon := func(do Action, limit time.Duration, arg string) {
		if sync {
			steps = append(steps, Step{Do: do, Args: []string{arg}, Limit: limit})
		}
	}
	steps = append(steps, Step{Do: CloseGate})
	if r != Primary {
		daemon(Forget, l.Rest, "-t")
		if r == Backup {
			daemon(AskPeer, l.Rest, "-n")
		}
		return steps
	}
	daemon(Commit, l.Commit, "-c")
	steps = append(steps, Step{Do: Stick, Limit: l.Commit}, Step{Do: OpenGate}, Step{Do: CleanUp, Limit: l.Rest})
	if sync { // both caches: what stood there of the peer is in the kernel now
		steps = append(steps, Step{Do: HandOn, Args: []string{"-f"}, Limit: l.Rest, After: Commit})
	}
	daemon(HandOn, l.Rest, "-R")
	daemon(HandOn, l.Rest, "-B")
	return steps
}
