package integration

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// callers are clients that call a VIP again and again, each time on a new connection.
type callers struct {
	ask  func() (nstest.Answer, error)
	rest time.Duration // between the calls of one
	stop chan struct{}
	wg   sync.WaitGroup
	mu   sync.Mutex
	all  []attempt
}

// attempt is one connection of a caller.
type attempt struct {
	began, ended time.Time
	host         string // who answered
	err          error
}

// startCallers starts n clients. They pause between calls.
func startCallers(h *nstest.Host, n int, pause time.Duration, network, vip string) *callers {
	return startAsking(n, pause, func() (nstest.Answer, error) { return h.Ask(network, "", vip) })
}

// startAsking does the same with a call of another kind.
func startAsking(n int, pause time.Duration, ask func() (nstest.Answer, error)) *callers {
	c := &callers{ask: ask, rest: pause, stop: make(chan struct{})}
	c.more(n)
	return c
}

// more starts more clients: those there are may be waiting for a server that is dead.
func (c *callers) more(n int) {
	for range n {
		c.wg.Go(func() {
			for {
				one := attempt{began: time.Now()}
				answer, err := c.ask()
				one.ended, one.host, one.err = time.Now(), answer.Host, err
				c.mu.Lock()
				c.all = append(c.all, one)
				c.mu.Unlock()
				select {
				case <-c.stop:
					return
				case <-time.After(c.rest):
				}
			}
		})
	}
}

// end waits for the calls that are under way.
func (c *callers) end() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.wg.Wait()
}

// between counts calls that began within a time: by host, and those that failed.
func (c *callers) between(from, to time.Time) (hosts map[string]int, failed int, first error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hosts = map[string]int{}
	for _, one := range c.all {
		switch {
		case one.began.Before(from) || !one.began.Before(to):
		case one.err == nil:
			hosts[one.host]++
		default:
			if failed++; first == nil {
				first = fmt.Errorf("after %v, lasting %v: %w", one.began.Sub(from), one.ended.Sub(one.began), one.err)
			}
		}
	}
	return hosts, failed, first
}

// oldest returns when the first of the calls began that were under way at a time; that time if there were none.
func (c *callers) oldest(at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := at
	for _, one := range c.all {
		if one.began.Before(first) && one.ended.After(at) {
			first = one.began
		}
	}
	return first
}

// held is a connection that a client keeps.
type held struct {
	net.Conn
	host string // who is at its far end
}

// holdAll opens connections until every one of the hosts has some.
func holdAll(t testing.TB, h *nstest.Host, network, vip string, hosts, each int) (out []held) {
	t.Helper()
	got := map[string]int{}
	for enough := 0; enough < hosts; {
		c, err := h.Dial(network, "", vip)
		must(t, err)
		a, err := nstest.AskOn(c)
		must(t, err)
		if got[a.Host]++; got[a.Host] > each {
			c.Close()
			continue
		}
		if got[a.Host] == each {
			enough++
		}
		t.Cleanup(func() { c.Close() })
		out = append(out, held{c, a.Host})
	}
	return out
}

// echoes tells whether a TCP connection still carries data to and fro within a limit.
func (c held) echoes(limit time.Duration) error {
	c.SetDeadline(time.Now().Add(limit))
	word := []byte("ping\n")
	if _, err := c.Write(word); err != nil {
		return fmt.Errorf("a connection to %s: %w", c.host, err)
	}
	for got := 0; got < len(word); {
		n, err := c.Read(word)
		if err != nil {
			return fmt.Errorf("a connection to %s: %w", c.host, err)
		}
		got += n
	}
	return nil
}

// allEcho checks that connections still carry data.
func allEcho(t *testing.T, conns []held) {
	t.Helper()
	for _, c := range conns {
		if err := c.echoes(nstest.Patience); err != nil {
			t.Error(err)
		}
	}
}

// verdict waits for an event about a real server of a service, and returns the line and its time.
func (a *agentRun) verdict(t *testing.T, event, service, server string, after time.Time) (line string, at time.Time) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of service %s, server %s", event, service, server), func() bool {
		for _, line = range a.logged(event) {
			if strings.Contains(line, " service="+service+" ") && (server == "" || strings.Contains(line, " server="+server+" ")) {
				if at = logTime(t, line); at.After(after) {
					return true
				}
			}
		}
		return false
	})
	return line, at
}

// logTime is when a line was logged, at the latest: the log has milliseconds.
func logTime(t testing.TB, line string) time.Time {
	t.Helper()
	text, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	must(t, err)
	return at.Add(time.Millisecond)
}
