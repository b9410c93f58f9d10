package translate

import (
	"github.com/snatctl/snatctl/policy"
)

// Origin is where an object was written. The zero value is nowhere.
type Origin struct {
	Place Place
	Text  string // what stands there; may be empty
}

// Setup is what an old configuration asks for, in the words of the policy. What it holds keeps its
// order, which decides between zones.
type Setup struct {
	File     string         // that is translated: comments name its lines without it
	Header   []string       // comments at the top
	Gateway  policy.Gateway // keys that differ from the default ones are written
	Uplinks  []Uplink
	Zones    []*Zone
	Services []*Service
	Footer   []string // comments at the end
}

// New returns a setup of a file that asks for nothing.
func New(file string) *Setup { return &Setup{File: file, Gateway: policy.DefaultGateway()} }

// Pool is laddrs. Pools that are equal become one. A pool's name is a wish; one without gets its
// name of its addresses.
type Pool struct {
	policy.Pool
	Origins []Origin // of each laddr, where there are as many; else of the pool
}

// Uplink is a way out.
type Uplink struct {
	policy.Uplink
	Origin Origin
}

// Zone is a zone. Its pool stands beside it: Zone.Laddrs is not looked at. A zone's name is a wish.
type Zone struct {
	policy.Zone
	Pool   *Pool // nil: none
	Origin Origin
	Notes  []string // further comments
}

// NewZone returns a zone with the language's defaults.
func NewZone() *Zone { return &Zone{Zone: policy.DefaultZone()} }

// Service is a service. Its servers, its pool and its check stand beside it: RealServers,
// SorryServers, Laddrs and HealthCheck of the policy's are not looked at. A name is a wish; a
// service without gets its name of its VIP and port.
type Service struct {
	policy.Service
	Servers []Server
	Sorry   []Server
	Pool    *Pool  // nil: none
	Check   *Check // nil: none
	Origin  Origin
	Notes   []string // further comments
}

// NewService returns a service with the language's defaults.
func NewService() *Service { return &Service{Service: policy.DefaultService()} }

// Server is a real server.
type Server struct {
	policy.RealServer
	Most   int // connections that it may have at a time; 0: any number
	Origin Origin
}

// Check is a health check. Checks that are equal become one. Its name is a wish; one without
// gets its name of its type.
type Check struct {
	policy.HealthCheck
	Origin Origin
}
