package nft

import (
	"fmt"
	"strconv"
	"time"
)

// Statements that keep state for a key of the packet, in dynamic sets that are no maps. The key's
// element is made by its first packet; when the set is full, the rule ends and limits nothing.
type (
	// CountOver counts the connection among those of its key that conntrack still knows, and
	// matches where they are more than so many. A connection that is refused then is forgotten
	// with the next that is counted (net/netfilter/nf_conncount.c). The set is Counting.
	CountOver struct {
		Set  string
		Key  []Field
		Over uint32
	}
	// RateOver matches packets of a key that come faster than a rate, and a burst beyond it. The
	// kernel refuses a rate of 0. An element without packets for the timeout is gone.
	RateOver struct {
		Set     string
		Key     []Field
		Rate    uint64
		Unit    RateUnit
		Burst   uint32
		Timeout time.Duration // whole milliseconds
	}
	// Hold enters the key into a set for some time, which starts anew with each packet.
	Hold struct {
		Set     string
		Key     []Field
		Timeout time.Duration // whole milliseconds
	}
	// SetPriority gives the packet the priority that a map has for its key; a miss ends the rule.
	SetPriority struct {
		Key []Field
		Map string
	}
	// ClearPriority takes the packet's priority away, as packets come in.
	ClearPriority struct{}
)

func (CountOver) stmt()     {}
func (RateOver) stmt()      {}
func (Hold) stmt()          {}
func (SetPriority) stmt()   {}
func (ClearPriority) stmt() {}

func (s CountOver) String() string {
	return fmt.Sprintf("add @%s { %s ct count over %d }", s.Set, concat(s.Key), s.Over)
}

func (s RateOver) String() string {
	return fmt.Sprintf("update @%s { %s timeout %s limit rate over %d/%s burst %d packets }", s.Set, concat(s.Key), span(s.Timeout), s.Rate, s.Unit, s.Burst)
}

func (s Hold) String() string {
	return fmt.Sprintf("update @%s { %s timeout %s }", s.Set, concat(s.Key), span(s.Timeout))
}

func (s SetPriority) String() string {
	return "meta priority set " + concat(s.Key) + " map @" + s.Map
}

func (ClearPriority) String() string { return "meta priority set none" }

// span writes a time as nft reads it.
func span(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
