package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// Report is what a node says of itself, for as long as it lives.
type Report struct {
	Node         string    `json:"node"`
	Hash         string    `json:"hash"`          // of the policy in force
	AppliedAt    time.Time `json:"applied_at"`    // by the node's clock
	Error        string    `json:"error"`         // why the policy that it follows is not in force; empty: it is
	ServicesDown []string  `json:"services_down"` // whose quorum is not met, sorted
	MoreDown     int       `json:"services_down_more,omitempty"`
	Number       int64     `json:"number"` // of the policy that it follows; 0: it has not seen one since it started
	ID           string    `json:"id"`     // of that publication
	Canary       bool      `json:"canary"` // it follows a target of its own
	Version      string    `json:"version"`

	Nodes map[string]policy.NodeState `json:"nodes,omitempty"` // states in force here that nodes have beside the policy
	Flows *int                        `json:"flows,omitempty"` // of services, while the node drains; nil: not counted
}

// Bounds of reports: a node of 30,000 services may have all of them down.
const (
	mostReport = 256 << 10 // bytes
	mostDown   = 1000      // services by name
	mostError  = 4 << 10   // bytes
)

// Bytes is the report as it is stored. What is too long is cut.
func (r Report) Bytes() []byte {
	if len(r.Error) > mostError {
		r.Error = strings.ToValidUTF8(r.Error[:mostError], "") + "…"
	}
	if len(r.ServicesDown) > mostDown {
		r.MoreDown += len(r.ServicesDown) - mostDown
		r.ServicesDown = r.ServicesDown[:mostDown]
	}
	if r.ServicesDown == nil {
		r.ServicesDown = []string{}
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings, numbers and a time
	}
	return b
}

// ParseReport reads what a node reports. The name of the node is that of the key.
func ParseReport(node string, data []byte) (Report, error) {
	r := Report{}
	if len(data) > mostReport {
		return Report{Node: node}, fmt.Errorf("the report of node %s has %d bytes, and %d are the most", node, len(data), mostReport)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{Node: node}, fmt.Errorf("the report of node %s cannot be read: %w", node, err)
	}
	r.Node = node
	return r, nil
}

// State is how a node stands to the policy that it is to follow.
type State string

// The states.
const (
	Current State = "current" // it has it in force
	Behind  State = "behind"  // it has not yet
	Refused State = "refused" // it cannot
)

// Stands tells how a node stands to a policy. A fleet without one has no node behind.
func (r *Report) Stands(p *Pointer) State {
	switch {
	case p == nil || r.Hash == p.Hash && r.Error == "":
		return Current
	case r.ID == p.ID && r.Error != "":
		return Refused
	}
	return Behind
}

// Lost returns the services that are down and were not.
func (r *Report) Lost(before *Report) (lost []string) {
	for _, s := range r.ServicesDown {
		if !slices.Contains(before.ServicesDown, s) {
			lost = append(lost, s)
		}
	}
	return lost
}
