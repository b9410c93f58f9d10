package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

const (
	pace     = 20 * time.Millisecond  // between two calls
	patience = 500 * time.Millisecond // of a client: no answer by then is a failure
)

// load calls a service again and again.
type load struct {
	ask   func(n int) string // makes the n-th call, and returns who answered; empty: nobody
	done  chan struct{}
	calls sync.WaitGroup

	mu  sync.Mutex
	now tally
}

// tally is how calls went, by who answered; those that nobody answered are under "".
type tally map[string]int

// startLoad makes a call each pace until it is stopped.
func startLoad(ask func(n int) string) *load {
	l := &load{ask: ask, done: make(chan struct{}), now: tally{}}
	l.calls.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-l.done:
				return
			case <-tick.C:
				l.calls.Go(func() { l.call(n) })
			}
		}
	})
	return l
}

// calling is the load of one client that calls one address.
func calling(from *nstest.Host, to string) func(int) string {
	return func(int) string {
		a, _ := askOnce(patience, from, "", to)
		return a.Host
	}
}

// askOnce makes a call of a client that waits so long for a connection, and as long for an answer.
func askOnce(limit time.Duration, from *nstest.Host, src, to string) (a nstest.Answer, err error) {
	c, err := from.DialWithin(limit, "tcp", src, to)
	if err != nil {
		return a, err
	}
	defer c.Close()
	return nstest.AskWithin(limit, c)
}

// call makes a call, and enters it with those that began when it did.
func (l *load) call(n int) {
	l.mu.Lock()
	tally := l.now
	l.mu.Unlock()
	who := l.ask(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	tally[who]++
}

// next returns the tally of the calls that began until now, and begins another. It is whole when
// the last of them has ended: after settled.
func (l *load) next() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.now
	l.now = tally{}
	return was
}

// settled is how long a call takes at most.
const settled = 2*patience + pace

func (l *load) stop() {
	close(l.done)
	l.calls.Wait()
}

// String says it in words: "rs1 answered 20, rs2 answered 19, 3 failed".
func (t tally) String() string {
	var parts []string
	for _, host := range slices.Sorted(maps.Keys(t)) {
		if host != "" {
			parts = append(parts, fmt.Sprintf("%s answered %d", host, t[host]))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d failed", t[""])), ", ")
}
