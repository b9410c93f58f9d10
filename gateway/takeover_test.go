package gateway

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// An agent that lets go closes its socket before its lock. Who takes the table over waits for the lock.
func TestTakeOver(t *testing.T) {
	nstest.Require(t)
	h, o := nstest.NewHost(t, "gateway"), Options{Table: "snatctl", StateDir: t.TempDir()}
	err := h.Do(func() error {
		agent, err := Hold(o)
		if err != nil {
			return err
		}
		let := make(chan struct{})
		defer func() { <-let }()
		err = agent.Introduce(Agent{Socket: "/run/agent.sock", Yield: func() {
			defer close(let)
			agent.lock.Close()
			time.Sleep(300 * time.Millisecond) // as a process that waits for a processor
			agent.Close()
		}})
		if err != nil {
			return err
		}
		g, err := TakeOver(t.Context(), o)
		if err != nil {
			return err
		}
		g.Close()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Without an agent there is nobody to ask.
func TestTakeOverFromNobody(t *testing.T) {
	nstest.Require(t)
	h, o := nstest.NewHost(t, "gateway"), Options{Table: "snatctl", StateDir: t.TempDir()}
	err := h.Do(func() error {
		g, err := TakeOver(t.Context(), o)
		if err != nil {
			return err
		}
		g.Close()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
