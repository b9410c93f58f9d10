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
	done  chan struct{}
	calls sync.WaitGroup

	mu  sync.Mutex
	now tally
}

// tally is how calls went, by who answered; those that nobody answered are under "".
type tally map[string]int

// startLoad makes a call each pace until it is stopped.
func startLoad(from *nstest.Host, to string) *load {
	l := &load{done: make(chan struct{}), now: tally{}}
	l.calls.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-l.done:
				return
			case <-tick.C:
				l.calls.Go(func() { l.call(from, to) })
			}
		}
	})
	return l
}

// call makes a call, and enters it with those that began when it did.
func (l *load) call(from *nstest.Host, to string) {
	l.mu.Lock()
	tally := l.now
	l.mu.Unlock()
	host := ""
	if c, err := from.DialWithin(patience, "tcp", "", to); err == nil {
		if a, err := nstest.AskWithin(patience, c); err == nil {
			host = a.Host
		}
		c.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tally[host]++
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
