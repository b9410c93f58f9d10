// Package traffic counts what goes through a gateway: for scrapes, pages and whoever else asks. They
// share one reading of the kernel, which is made beside the agent's loop and holds none of its locks.
// While nobody asks, nothing is read and nothing is listened to.
package traffic

import (
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// Figures are all that is counted at one moment. They never change.
type Figures struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took_ns"` // to read them
	// Over is what rates are of: the time since the reading before. Where it is 0, rates are not known:
	// at first, and after events were lost.
	Over time.Duration `json:"over_ns"`

	Services  []Service    `json:"services"` // by name, as Survey has them
	Zones     []Zone       `json:"zones"`    // likewise
	Pools     []Pool       `json:"pools"`    // by name
	Conntrack ct.Conntrack `json:"conntrack"`
	Events    Events       `json:"events"`

	Survey gateway.Survey `json:"-"` // what `snatctl status` reports
}

// Service is a service with what moves there. As JSON it has all keys of `snatctl status`.
type Service struct {
	*ct.ServiceReport
	Opened  uint64   `json:"opened"`            // New, with what elements had counted that are gone: it never goes down
	Refused []uint64 `json:"refused,omitempty"` // by each of Limits; likewise
	Bytes   Bytes    `json:"bytes"`
	Rate    Rate     `json:"rate"`
	Servers []Server `json:"real_servers"` // in place of ServiceReport's, and in their order
}

// Server is a real server with what moves there.
type Server struct {
	*ct.ServerReport
	// Opened counts connections that the real server got: as the table counts them, with what elements had
	// counted that are gone, and where it counts none (ServiceReport.Uncounted) those that began since the
	// sampler first looked.
	Opened uint64 `json:"opened"`
	Rate   Rate   `json:"rate"`
}

// Zone is a zone with what moves there.
type Zone struct {
	*ct.ZoneReport
	Opened  uint64   `json:"opened"`            // as Service has it
	Refused []uint64 `json:"refused,omitempty"` // likewise
	Bytes   Bytes    `json:"bytes"`
	Rate    Rate     `json:"rate"`
}

// Bytes are what flows have carried since the sampler first looked, those that have ended included.
// What moved while it did not look, or while events were lost, is missing.
type Bytes struct {
	In  uint64 `json:"in"` // from who opened the connections
	Out uint64 `json:"out"`
}

// Rate is what happens in a second. The zero value is that of nothing, or of what is not known.
type Rate struct {
	New float64 `json:"new"` // connections that begin
	In  float64 `json:"in"`  // bytes
	Out float64 `json:"out"`
}

// Pool is the laddrs of a pool, whoever uses them. Those that a zone or service has in line are a pool
// with the name of the problem that `snatctl status` would report: "zone office", "service web".
type Pool struct {
	Name   string  `json:"name"`
	Laddrs []Laddr `json:"laddrs"` // by address; of a large pool those with flows
	// Fullest is the share of a laddr's ports that are in use toward one destination, at the laddr and
	// destination where it is largest: 0 to 1. New connections begin to fail from 0.87 on.
	Fullest float64 `json:"fullest"`
	// Failures counts connections of zones that got no port: the kernel dropped their first packet.
	Failures uint64 `json:"allocation_failures"`
}

// Laddr is a laddr of a pool.
type Laddr struct {
	ct.LaddrReport         // Flows: of all zones and services
	Fill           float64 `json:"fill"` // the share of its ports in use toward its busiest destination; 0 where ports bound nothing
}

// Events counts what conntrack told since the sampler first looked.
type Events struct {
	New     uint64 `json:"new"`
	Destroy uint64 `json:"destroy"`
	Lost    uint64 `json:"lost"`    // of any kind: they came faster than they were read
	Resyncs uint64 `json:"resyncs"` // readings that made losses good
}
