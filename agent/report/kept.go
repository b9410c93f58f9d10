// Package report is what a gateway reports to programs: the JSON of status and of flows, and which flows are
// asked for. Commands print it, and an agent answers with it over HTTP: to the letter the same.
package report

import (
	"net/netip"

	"github.com/snatctl/snatctl/agent"
)

// Kept is what the agent that holds a table knows, for reports. A nil one is that of no agent.
type Kept struct {
	Agent    agent.Snapshot
	Services map[string]agent.Service // by name
}

// Keep makes it of what an agent shows.
func Keep(now agent.Snapshot, services []agent.Service) *Kept {
	k := &Kept{Agent: now, Services: make(map[string]agent.Service, len(services))}
	for _, s := range services {
		k.Services[s.Name] = s
	}
	return k
}

// Server finds what is known of a real server; nil without an agent, and of what it does not know.
func (k *Kept) Server(service string, at netip.AddrPort) *agent.Server {
	if k == nil {
		return nil
	}
	s := k.Services[service]
	return s.Server(at)
}
