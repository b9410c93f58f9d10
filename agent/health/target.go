// Package health checks real servers: it is given targets and gives verdicts. It knows no
// policy, no table and no weights.
//
//	sched := health.New(health.Options{})
//	sched.Set(targets)
//	err := sched.Run(ctx, func(batch []health.Verdict) { … })
//
// One scheduler starts all checks. A check is a file with a prober: `tcp.go`, `http.go` and so on.
// What makes a verdict of the results is in `state.go`, when checks are due in `plan.go`; both
// are pure. docs/health-checks.md says what operators see of it.
package health

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// ID names a target: a real server of a service, or what an uplink is checked by.
type ID struct {
	Service string         // or the uplink: they have schedulers of their own
	Server  netip.AddrPort // as the policy writes it; port 0 means the port that the client called
}

// Target is a real server and how to check it.
type Target struct {
	ID    ID
	To    netip.AddrPort // where the check goes, if the check has no port of its own
	Proto inet.Proto     // the service's; commands are told
	Check *Check         // must not be changed any more; targets may share one
	Start State          // what is known before the first check; a target that stays keeps what it has
}

// Addr returns the address and port that the check calls.
func (t Target) Addr() netip.AddrPort {
	if t.Check.Port != 0 {
		return netip.AddrPortFrom(t.To.Addr(), t.Check.Port)
	}
	return t.To
}

// The types of checks.
const (
	TCP   = "tcp"
	HTTP  = "http"
	HTTPS = "https"
	DNS   = "dns"
	UDP   = "udp"
	ICMP  = "icmp"
	SMTP  = "smtp"
	Exec  = "exec"
)

// What a check uses where its fields are zero.
const (
	DefaultInterval = 2 * time.Second
	DefaultTimeout  = time.Second
	DefaultRise     = 2
	DefaultFall     = 3
)

// Check says how a server is checked and when it is up. Fields that its type does not use are
// ignored.
type Check struct {
	Type     string        // TCP, HTTP and so on
	Port     uint16        // 0: that of the target
	Interval time.Duration // from start to start; 0: DefaultInterval
	Timeout  time.Duration // of the whole check; 0: DefaultTimeout
	Rise     int           // passes in a row that make a server up; 0: DefaultRise
	Fall     int           // failures in a row that make it down; 0: DefaultFall
	Via      Via           // the way of its packets; of exec: none

	Send   string // tcp, udp: what is sent first; empty: nothing (udp: an empty datagram)
	Expect string // tcp, udp: text that the answer must contain; empty: any answer, or none

	Method string        // http, https: empty: "GET"
	Path   string        // http, https: with its query; empty: "/"
	Host   string        // http, https: header Host, smtp: name said in EHLO; empty: the address
	Status []StatusRange // http, https: empty: 200 to 399
	Body   string        // http, https: text that the body must contain (its first MaxBody bytes); empty: any
	SNI    string        // https: server name, empty: Host, if that is a name
	Verify bool          // https: the certificate must be valid for SNI or Host, without both for the address
	CA     string        // https: file with certificates of authorities; empty: those of the system

	Query  string // dns: empty: "."
	Record string // dns: type of record, empty: "A", and "NS" without Query
	Answer string // dns: one record of the answer must have this data; empty: any, or none
	Rcode  string // dns: empty: "NOERROR"

	Command []string // exec: program and arguments
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct{ First, Last int }

// equal tells whether two checks mean the same.
func (c *Check) equal(d *Check) bool { return c == d || reflect.DeepEqual(c, d) }

func (c *Check) interval() time.Duration { return or(c.Interval, DefaultInterval) }
func (c *Check) timeout() time.Duration  { return or(c.Timeout, DefaultTimeout) }
func (c *Check) rise() int               { return or(c.Rise, DefaultRise) }
func (c *Check) fall() int               { return or(c.Fall, DefaultFall) }

// or returns a value, or another where it is not positive.
func or[T ~int | ~int64](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
