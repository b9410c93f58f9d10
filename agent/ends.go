package agent

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// ends ends flows of real servers that went down, beside the loop: listing many flows takes longer
// than the next verdict may wait.
type ends struct {
	table string
	log   func(service, server string, flows int, took time.Duration, err error)

	mu      sync.Mutex // over what follows
	waiting map[endKey]policy.OnDown
	wanted  *gateway.Wanted // the policy in force
	going   bool
	picture *gateway.Picture // of drawn
	drawn   *policy.Policy
}

// endKey is a real server whose flows are to end.
type endKey struct {
	service string
	server  netip.AddrPort // port 0: any
}

// add enters the n-th real server of a service.
func (e *ends) add(t *tended, n int) {
	if t.service.OnDown == policy.DownKeep {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == nil {
		e.waiting = map[endKey]policy.OnDown{}
	}
	e.waiting[endKey{t.service.Name, t.input.Servers[n].Key}] = t.service.OnDown
}

// of says which policy is in force: it tells whom flows belong to.
func (e *ends) of(w *gateway.Wanted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wanted = w
}

// begin begins to end what was entered, unless that goes on already.
func (e *ends) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.going || len(e.waiting) == 0 || e.wanted == nil {
		return
	}
	e.going = true
	go e.run()
}

// run goes on until nothing is left to end.
func (e *ends) run() {
	for {
		e.mu.Lock()
		todo, w := e.waiting, e.wanted
		e.waiting = nil
		if e.going = len(todo) > 0; !e.going {
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		e.end(todo, w)
	}
}

// end lists the flows once and ends those of some real servers.
func (e *ends) end(todo map[endKey]policy.OnDown, w *gateway.Wanted) {
	start := time.Now()
	counts := make(map[endKey]int)
	err := e.over(todo, w, counts)
	for k := range todo {
		if counts[k] > 0 || err != nil {
			e.log(k.service, serverText(k.server), counts[k], time.Since(start), err)
		}
	}
}

func (e *ends) over(todo map[endKey]policy.OnDown, w *gateway.Wanted, counts map[endKey]int) error {
	p, err := e.pictureOf(w)
	if err != nil {
		return err
	}
	r, err := gateway.OpenReader(e.table)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.EndFlows(context.Background(), p, func(f *ct.Flow, o *ct.Owner) bool {
		if o.Service == "" {
			return false
		}
		k := endKey{o.Service, o.Server}
		on, is := todo[k]
		if !is {
			k.server = netip.AddrPortFrom(o.Server.Addr(), 0)
			on, is = todo[k]
		}
		if !is || !balance.Ends(on, f.Orig.Proto, f.Status&ct.SeenReply != 0) {
			return false
		}
		counts[k]++
		return true
	})
	return err
}

// pictureOf draws the picture of a policy once. States of its services change nothing in it: whom
// flows belong to does not depend on them.
func (e *ends) pictureOf(w *gateway.Wanted) (*gateway.Picture, error) {
	e.mu.Lock()
	p, drawn := e.picture, e.drawn
	e.mu.Unlock()
	if p != nil && drawn == w.Policy.Written() {
		return p, nil
	}
	p, err := w.Foreseen()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.picture, e.drawn = p, w.Policy.Written()
	e.mu.Unlock()
	return p, nil
}

func (a *Agent) tellEnded(service, server string, flows int, took time.Duration, err error) {
	if err != nil {
		a.log.Error("flows_not_ended", "service", service, "server", server, "ended", flows, "error", err)
		return
	}
	a.log.Info("flows_ended", "service", service, "server", server, "flows", flows, "took", took.Round(time.Millisecond))
}
