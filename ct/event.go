package ct

import "time"

// EventKind is what has happened to a flow. The zero value is no event.
type EventKind uint8

// The events that the kernel reports (nf_conntrack_netlink.c). Who listens for New hears of Taken, too.
const (
	New EventKind = iota + 1
	Update
	Destroy
	Found // no event of the kernel's: the flow stood when a watch began
	Taken // a program entered the flow: conntrackd, at a takeover. No packet opened it here
)

var eventNames = [...]string{"", "new", "update", "destroy", "found", "taken"}

// Begins tells whether an event is the first of its flow.
func (k EventKind) Begins() bool { return k == New || k == Taken }

// String returns "new", "update", "destroy", "found" or "taken".
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event is a flow and what has happened to it. Counters come with Destroy only, as do the
// times, and only where the kernel keeps them.
type Event struct {
	Kind EventKind
	At   time.Time // when; zero before Linux 6.14 or without nf_conntrack_timestamp
	Flow Flow
}
