package gateway

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Who calls at the lock of a table meets its door. It greets with a line of JSON, takes a line with a
// word, and answers with one. Only who awaits confirmation, or holds the table for good, has it
// open: an apply that is at work says nothing.

// Words that who calls may say.
const (
	wordConfirm = "confirm" // keep what is on trial
	wordYield   = "yield"   // let go of the table
)

// yielded is the answer to wordYield, once the table is about to be let go.
const yielded = "yielded"

// greeting is what the holder of a table says to who calls.
type greeting struct {
	Left  float64 `json:"left_s"` // seconds until it reverts what is on trial; 0: nothing is
	Agent string  `json:"agent,omitempty"`
	Error string  `json:"error,omitempty"`
}

// door is that of a gateway. The zero value is shut.
type door struct {
	mu    sync.Mutex
	open  bool
	trial *Trial // the newest
	agent *Agent
}

// Agent is how a process that holds a table for good introduces itself.
type Agent struct {
	Socket string // where it takes requests
	Yield  func() // somebody else wants the table: let go of it soon
}

// Introduce makes the holder of a table known to all who call at its lock: until the gateway is
// closed, they learn that an agent holds it.
func (g *Gateway) Introduce(a Agent) error {
	if g.lock == nil {
		return ErrNotHeld
	}
	g.door.enter(g.lock, func(d *door) { d.agent = &a })
	return nil
}

// enter changes what callers meet, and opens the door.
func (d *door) enter(lock *Lock, change func(*door)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
	if !d.open {
		d.open = true
		go d.serve(lock)
	}
}

// serve answers who calls at the lock, until the lock is released.
func (d *door) serve(lock *Lock) {
	for {
		c, err := lock.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Second) // out of descriptors, or of memory: may pass
			continue
		}
		go d.answer(c)
	}
}

// now is who is behind the door: the trial is nil if none goes on.
func (d *door) now() (*Trial, *Agent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.trial; t != nil && (d.agent == nil || !t.over()) {
		return t, d.agent
	}
	return nil, d.agent
}

// answer speaks with one caller. It greets first: who gave up meanwhile has confirmed nothing.
func (d *door) answer(c *net.UnixConn) {
	defer c.Close()
	trial, agent := d.now()
	g, limit := greeting{}, time.Minute
	if trial != nil {
		g.Left = trial.Left().Seconds()
		limit += trial.change.o.Confirm
	}
	if agent != nil {
		g.Agent = agent.Socket
	}
	if c.SetDeadline(time.Now().Add(limit)) != nil {
		return
	}
	cred, err := peer(c)
	if err != nil || !trusted(cred) {
		g = greeting{Error: "denied"}
	}
	if json.NewEncoder(c).Encode(g) != nil || g.Error != "" {
		return
	}
	word, err := bufio.NewReader(c).ReadString('\n')
	switch word = strings.TrimSpace(word); {
	case err != nil:
	case word == wordConfirm && trial != nil:
		trial.confirm(func(a Answer) { fmt.Fprintln(c, a) })
	case word == wordYield && agent != nil:
		fmt.Fprintln(c, yielded)
		agent.Yield()
	}
}
