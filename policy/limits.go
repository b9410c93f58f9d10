package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Limits bounds the new connections of a service or zone. The zero value limits nothing.
type Limits struct {
	Connections int    // open at the same time; 0: any number
	PerClient   int    // open at the same time by one client; 0: any number
	New         Rate   // of one client; zero: any
	Burst       int    // how many of these may come at once
	Action      Action // Drop or Reject: what becomes of a connection beyond
	Mask4       int    // prefix length by which IPv4 clients count as one
	Mask6       int    // of IPv6 clients
}

// Any tells whether something is limited.
func (l *Limits) Any() bool { return l.Connections > 0 || l.ByClient() }

// ByClient tells whether clients are told apart.
func (l *Limits) ByClient() bool { return l.PerClient > 0 || l.New.Count > 0 }

// Mask returns the prefix length by which clients of a family count as one.
func (l *Limits) Mask(f inet.Family) int {
	if f == inet.V4 {
		return l.Mask4
	}
	return l.Mask6
}

// Refill returns how long it takes until a client that used up its burst has all of it again.
func (l *Limits) Refill() time.Duration {
	if l.New.Count == 0 {
		return 0
	}
	return l.New.Per * time.Duration(l.Burst) / time.Duration(l.New.Count)
}

// ExactConnections is up to how many connections in all are counted exactly. The kernel looks at
// every connection of a list when it counts one more, so more are counted in parts of
// PartConnections: each connection belongs to one part, by hash of its client's address and port.
const (
	ExactConnections = 1000
	PartConnections  = 250
)

// Parts returns in how many parts all connections are counted, and how many each may have. Together
// they may have no more than Connections.
func (l *Limits) Parts() (parts, each int) {
	if l.Connections <= ExactConnections {
		return 1, l.Connections
	}
	parts = l.Connections / PartConnections
	return parts, l.Connections / parts
}

// Texts says what is limited for clients of a family, one limit after the other, in the order in
// which they are asked.
func (l *Limits) Texts(f inet.Family) (out []string) {
	client, whole := "a client", map[inet.Family]int{inet.V4: 32, inet.V6: 128}
	if l.Mask(f) < whole[f] {
		client = fmt.Sprintf("the clients of a /%d", l.Mask(f))
	}
	if l.New.Count > 0 {
		out = append(out, fmt.Sprintf("%s new of %s, %d at once", l.New, client, l.Burst))
	}
	if l.PerClient > 0 {
		out = append(out, fmt.Sprintf("%d open of %s", l.PerClient, client))
	}
	if l.Connections > 0 {
		out = append(out, fmt.Sprintf("%d open in all", l.Connections))
	}
	return out
}

// Text says what is limited for clients of a family, and what becomes of a connection beyond.
func (l *Limits) Text(f inet.Family) string {
	return "at most " + strings.Join(l.Texts(f), ", ") + "; beyond that " + string(l.Action)
}

// Rate is so many in a time. The zero value is none.
type Rate struct {
	Count int
	Per   time.Duration // second, minute, hour or day
}

// rateUnits are the times of rates, as policies write them.
var rateUnits = []struct {
	word string
	per  time.Duration
}{{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}, {"day", 24 * time.Hour}}

// RateUnits returns the words for times in rates.
func RateUnits() (words []string) {
	for _, u := range rateUnits {
		words = append(words, u.word)
	}
	return words
}

// RateOf returns so many a time, which RateUnits has the word for; false if it has not.
func RateOf(count int, unit string) (Rate, bool) {
	for _, u := range rateUnits {
		if u.word == unit {
			return Rate{count, u.per}, true
		}
	}
	return Rate{}, false
}

// Unit returns the word for the rate's time.
func (r Rate) Unit() string {
	for _, u := range rateUnits {
		if u.per == r.Per {
			return u.word
		}
	}
	return ""
}

// String returns the rate as policies write it: 50/second.
func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.Count, r.Unit()) }
