package natlog

import (
	"bytes"
	"sync"
	"time"
)

// Spool carries lines to a writer that may be slow or stuck, without ever making anybody
// wait: what finds no room is counted as lost.
type Spool struct {
	mu    sync.Mutex
	lines []byte // whole lines that wait
	spare []byte // what lines becomes when the writer takes them
	lost  uint64 // lines that found no room or could not be written
	room  int    // bytes that may wait

	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
}

const (
	// Room holds some ten thousand lines.
	Room = 4 << 20
	// gather is how long lines are collected after a write, so that a flood is written in
	// large pieces. The first line after a silence is written at once.
	gather = 5 * time.Millisecond
)

// NewSpool starts a writer. write gets whole lines and says how many bytes it could write; it
// is also called without any when Poke wakes it.
func NewSpool(room int, write func([]byte) int) *Spool {
	s := &Spool{room: room, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go s.run(write)
	return s
}

// Add hands over one or more lines, with their newlines: all of them wait, or none.
func (s *Spool) Add(lines []byte) {
	s.mu.Lock()
	first := len(s.lines) == 0
	if len(s.lines)+len(lines) > s.room {
		s.lost += uint64(bytes.Count(lines, []byte{'\n'}))
	} else {
		s.lines = append(s.lines, lines...)
	}
	s.mu.Unlock()
	if first {
		s.Poke()
	}
}

// Poke wakes the writer.
func (s *Spool) Poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Spool) run(write func([]byte) int) {
	defer close(s.done)
	for {
		last := false
		select {
		case <-s.wake:
		case <-s.closing:
			last = true
		}
		s.mu.Lock()
		lines := s.lines
		s.lines, s.spare = s.spare[:0], nil
		s.mu.Unlock()
		unwritten := lines[write(lines):]
		s.mu.Lock()
		s.spare = lines
		s.lost += uint64(bytes.Count(unwritten, []byte{'\n'}))
		s.mu.Unlock()
		if last {
			return
		}
		select {
		case <-time.After(gather):
		case <-s.closing:
		}
	}
}

// Losses returns how many lines have been lost.
func (s *Spool) Losses() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Close writes what waits, but does not wait longer than limit for a writer that is stuck:
// then what waits is lost.
func (s *Spool) Close(limit time.Duration) {
	close(s.closing)
	select {
	case <-s.done:
	case <-time.After(limit):
		s.mu.Lock()
		s.lost += uint64(bytes.Count(s.lines, []byte{'\n'}))
		s.mu.Unlock()
	}
}
