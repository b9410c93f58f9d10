package agent

import (
	"sync"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// inForce is what is made of the policy in force when somebody asks, beside the loop, and kept until
// there is another one.
type inForce struct {
	making sync.Mutex // one at a time makes what follows

	mu      sync.Mutex // over what follows
	wanted  *gateway.Wanted
	picture *gateway.Picture // nil: not made yet
	found   bool
	lint    policy.Diagnostics
}

// set says which policy is in force. It waits for nobody.
func (p *inForce) set(w *gateway.Wanted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted, p.picture, p.found, p.lint = w, nil, false, nil
}

// Policy returns the policy in force, as this node has it; nil: none is yet. It must not be changed. It is safe
// for concurrent use.
func (a *Agent) Policy() *policy.Policy {
	p := &a.inForce
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted == nil {
		return nil
	}
	return p.wanted.Policy
}

// Picture tells whom flows belong to. States of its services change nothing in it. It is safe for
// concurrent use.
func (a *Agent) Picture() (*gateway.Picture, error) {
	p := &a.inForce
	p.making.Lock()
	defer p.making.Unlock()
	p.mu.Lock()
	w, picture := p.wanted, p.picture
	p.mu.Unlock()
	if picture != nil {
		return picture, nil
	}
	picture, err := w.Foreseen()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.wanted == w {
		p.picture = picture
	}
	return picture, err
}

// Lint returns what `snatctl lint` finds in the policy in force. It must not be changed. It is safe for
// concurrent use.
func (a *Agent) Lint() policy.Diagnostics {
	p := &a.inForce
	p.making.Lock()
	defer p.making.Unlock()
	p.mu.Lock()
	w, found, ds := p.wanted, p.found, p.lint
	p.mu.Unlock()
	if found || w == nil {
		return ds
	}
	ds = w.Lint()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted == w {
		p.found, p.lint = true, ds
	}
	return ds
}

// Uplinks lists the uplinks of the policy in force, and whether they are there. It is safe for concurrent use.
func (a *Agent) Uplinks() ([]gateway.Uplink, error) {
	p := &a.inForce
	p.mu.Lock()
	w := p.wanted
	p.mu.Unlock()
	if w == nil {
		return nil, nil
	}
	return gateway.Uplinks(w.Policy)
}
