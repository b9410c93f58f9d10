package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// HealthCheck is how the agent learns whether a real server is up: one of the section
// health_checks, or one written in line at a service, which has no name. What the type does
// not use is zero; DefaultHealthCheck has the values of absent keys.
type HealthCheck struct {
	Where
	Name     string // empty for one written in line
	Type     CheckType
	Port     uint16        // that is asked; 0: the real server's own, else the one that clients call
	Interval time.Duration // from the beginning of one check to that of the next
	Timeout  time.Duration // of one check, as a whole
	Rise     int           // checks in a row that must succeed before a server that was down is up
	Fall     int           // checks in a row that must fail before a server is down

	Send   string // tcp and udp: sent first; empty: nothing
	Expect string // tcp and udp: the answer must contain it; empty: any answer, or none

	Method string        // http and https
	Path   string        // http and https: with its query
	Host   string        // http and https: the Host header; smtp: the name said in EHLO; empty: the address
	Status []StatusRange // http and https: one of them must hold the answer's
	Body   string        // http and https: the body must contain it; empty: any
	SNI    string        // https: the name asked for; empty: Host
	Verify bool          // https: the certificate must be valid for SNI
	CA     string        // https: file of PEM certificates that may sign; empty: the host's

	Query  string // dns: the name asked for
	Record string // dns: the type of record
	Answer string // dns: one of the answers must be it, as text; empty: any
	Rcode  string // dns: the code that the answer must have

	Command []string // exec: the program, by its whole path, and its arguments
}

// NoCheck is what a service writes that is never checked; no health check has this name.
const NoCheck = "none"

// CheckType is what a health check does.
type CheckType string

// The types of health checks.
const (
	CheckTCP   CheckType = "tcp"   // connects
	CheckHTTP  CheckType = "http"  // asks by HTTP
	CheckHTTPS CheckType = "https" // asks by HTTP over TLS
	CheckDNS   CheckType = "dns"   // asks for a record
	CheckUDP   CheckType = "udp"   // sends; silence is good unless Expect is set
	CheckICMP  CheckType = "icmp"  // pings
	CheckSMTP  CheckType = "smtp"  // waits for the greeting, and greets
	CheckExec  CheckType = "exec"  // runs a program; exit status 0 is good
)

// CheckTypes returns all types, in the order of the language.
func CheckTypes() []CheckType {
	return []CheckType{CheckTCP, CheckHTTP, CheckHTTPS, CheckDNS, CheckUDP, CheckICMP, CheckSMTP, CheckExec}
}

// checkKeys are the keys that only some types use. The others are for all.
var checkKeys = map[string][]CheckType{
	"port":    {CheckTCP, CheckHTTP, CheckHTTPS, CheckDNS, CheckUDP, CheckSMTP, CheckExec},
	"send":    {CheckTCP, CheckUDP},
	"expect":  {CheckTCP, CheckUDP},
	"method":  {CheckHTTP, CheckHTTPS},
	"path":    {CheckHTTP, CheckHTTPS},
	"host":    {CheckHTTP, CheckHTTPS, CheckSMTP},
	"status":  {CheckHTTP, CheckHTTPS},
	"body":    {CheckHTTP, CheckHTTPS},
	"sni":     {CheckHTTPS},
	"verify":  {CheckHTTPS},
	"ca":      {CheckHTTPS},
	"query":   {CheckDNS},
	"record":  {CheckDNS},
	"answer":  {CheckDNS},
	"rcode":   {CheckDNS},
	"command": {CheckExec},
}

// Uses tells whether a check of the type does something with a key.
func (t CheckType) Uses(key string) bool {
	types, some := checkKeys[key]
	return !some || slices.Contains(types, t)
}

// Needs returns the keys that a check of the type must have.
func (t CheckType) Needs() []string {
	switch t {
	case CheckDNS:
		return []string{"query"}
	case CheckExec:
		return []string{"command"}
	}
	return nil
}

// StatusRange is a range of HTTP status codes, both ends in it.
type StatusRange struct{ First, Last int }

// String returns "200", or "200-399".
func (r StatusRange) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Quorum is how many real servers of a service must be up, as a number or as a share of
// those whose weight is not 0. The zero value means one.
type Quorum struct{ Count, Percent int } // one of the two at most; Percent is 1 to 100

// Need returns how many of n real servers must be up; a share is rounded up. It is at
// least 1, and may be more than n.
func (q Quorum) Need(n int) int {
	if q.Percent > 0 {
		return max(1, (n*q.Percent+99)/100)
	}
	return max(1, q.Count)
}

// String returns the quorum as policies write it.
func (q Quorum) String() string {
	if q.Percent > 0 {
		return fmt.Sprintf("%d%%", q.Percent)
	}
	return fmt.Sprint(max(1, q.Count))
}

// OnDown says what becomes of the flows of a real server that goes down.
type OnDown string

// The values of on_down.
const (
	DownAuto OnDown = "auto" // default: UDP flows end, and TCP flows that never got an answer
	DownEnd  OnDown = "end"  // all of them end
	DownKeep OnDown = "keep" // none of them ends
)

// Ends tells whether a flow of a real server that went down is ended. Answered says that the
// server sent something back at least once.
func (on OnDown) Ends(proto inet.Proto, answered bool) bool {
	switch on {
	case DownEnd:
		return true
	case DownKeep:
		return false
	}
	// A TCP or SCTP connection notices by itself that nobody answers, and may outlive a check
	// that is wrong. A UDP client that goes on sending keeps its flow alive, and so would stay
	// with the dead server for ever.
	return proto == inet.UDP || !answered
}
