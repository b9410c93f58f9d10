package exporter

import (
	"sync"

	"github.com/snatctl/snatctl/ipfix"
)

// queue has the messages that wait to be sent, the last of which may still be filled.
type queue struct {
	mu    sync.Mutex
	full  []*ipfix.Message
	last  *ipfix.Message // being filled
	ready bool           // last may be sent as it is
	spare []*ipfix.Message
	most  int // messages that may wait
	lost  uint64

	wake chan struct{}
}

func newQueue(most int) *queue {
	return &queue{most: most, last: ipfix.NewMessage(message), wake: make(chan struct{}, 1)}
}

// add appends a record to the last message, and begins another when that is full. What finds
// no room is lost.
func (q *queue) add(r *ipfix.Record, destinations bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last.Add(r, destinations) {
		return
	}
	if len(q.full) >= q.most {
		q.lost++
		return
	}
	q.full = append(q.full, q.last)
	q.last = q.fresh()
	q.last.Add(r, destinations)
	q.poke()
}

// fresh returns an empty message.
func (q *queue) fresh() *ipfix.Message {
	if n := len(q.spare); n > 0 {
		m := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return m
	}
	return ipfix.NewMessage(message)
}

// rest lets the last message go.
func (q *queue) rest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ready = q.last.Records() > 0; q.ready {
		q.poke()
	}
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next message, nil if none waits.
func (q *queue) take() *ipfix.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.full) > 0:
		m := q.full[0]
		q.full = q.full[:copy(q.full, q.full[1:])]
		return m
	case q.ready:
		m := q.last
		q.last, q.ready = q.fresh(), false
		return m
	}
	return nil
}

// free takes a message back.
func (q *queue) free(m *ipfix.Message) {
	m.Reset()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spare) < keep {
		q.spare = append(q.spare, m)
	}
}

// keep is how many empty messages are kept.
const keep = 64

// wait waits for a message. It returns false if there is none and none will come.
func (q *queue) wait(stop <-chan struct{}) bool {
	select {
	case <-q.wake:
		return true
	case <-stop:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.full) > 0 || q.ready
}

// lose counts records that are lost.
func (q *queue) lose(n uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += uint64(n)
}

func (q *queue) losses() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost
}
