package api

import (
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/policy"
)

// asked is an agent that only answers questions.
type asked struct{ Served }

func (asked) Snapshot() agent.Snapshot  { return agent.Snapshot{Table: "edge"} }
func (asked) Services() []agent.Service { return []agent.Service{{Name: "web"}} }
func (asked) State() policy.State {
	return policy.State{Services: map[string]policy.ServiceState{"web": {Closed: true}}}
}

// counter is a listener that knows how many of its connections are open.
type counter struct {
	net.Listener
	mu   sync.Mutex
	open int
}

func (l *counter) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open += n
}

func (l *counter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.add(1)
		c = &counted{Conn: c, l: l}
	}
	return c, err
}

type counted struct {
	net.Conn
	l    *counter
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.l.add(-1) })
	return c.Conn.Close()
}

// Those who ask again and again, as top and status --watch do with a new client each time, leave no
// connection open.
func TestClientLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.sock")
	inner, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	l := &counter{Listener: inner}
	s := Serve(l, asked{}, nil, func(err error) { t.Error(err) })
	defer s.Close()
	for range 5 {
		c := Dial(path)
		now, err := c.Snapshot(t.Context())
		if err != nil || now.Table != "edge" {
			t.Errorf("the agent keeps %+v, %v", now, err)
		}
		all, err := c.Services(t.Context())
		if err != nil || len(all) != 1 || all[0].Name != "web" {
			t.Errorf("its services are %+v, %v", all, err)
		}
		state, err := c.State(t.Context())
		if err != nil || !state.Services["web"].Closed {
			t.Errorf("their states are %+v, %v", state, err)
		}
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		open := l.open
		l.mu.Unlock()
		if open == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are open", open)
		}
	}
}
