package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// held is a connection that stays open. It says something again and again, and checks the echo.
type held struct {
	through string // the gateway that it goes through
	conn    net.Conn
	done    sync.WaitGroup

	mu      sync.Mutex // over what follows
	lost    error      // how it ended, where nobody asked for that
	heard   time.Time
	longest time.Duration // without an echo
	ended   bool
}

// How a held connection speaks.
const (
	saysEvery = 100 * time.Millisecond
	echoTime  = 6 * time.Second // TCP sends again after 0.2, 0.6, 1.4, 3 s; a silence that is longer is a loss
)

// hold opens a connection.
func hold(from *nstest.Host, src, to string, by func(nstest.Answer) string) (*held, error) {
	c, err := from.Dial("tcp", src, to)
	if err != nil {
		return nil, err
	}
	a, err := nstest.AskOn(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	h := &held{through: by(a), conn: c, heard: time.Now()}
	h.done.Go(h.talk)
	return h, nil
}

func (h *held) talk() {
	var word, back [8]byte
	for n := uint64(1); ; n++ {
		binary.BigEndian.PutUint64(word[:], n)
		_ = h.conn.SetDeadline(time.Now().Add(echoTime))
		_, err := h.conn.Write(word[:])
		if err == nil {
			_, err = io.ReadFull(h.conn, back[:])
		}
		if err == nil && word != back {
			err = fmt.Errorf("word %x came back where %x was due", back, word)
		}
		h.mu.Lock()
		now := time.Now()
		h.longest = max(h.longest, now.Sub(h.heard)-saysEvery)
		h.heard = now
		if err != nil && !h.ended {
			h.lost = err
		}
		over := err != nil || h.ended
		h.mu.Unlock()
		if over {
			return
		}
		time.Sleep(saysEvery)
	}
}

// hangUp ends the connection.
func (h *held) hangUp() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.conn.Close()
	h.done.Wait()
}

// crowd is many of them.
type crowd []*held

// gather opens connections from many addresses, one after the other.
func gather(ctx context.Context, n int, open func(n int) (*held, error)) (c crowd, err error) {
	for i := range n {
		h, err := open(i)
		if err == nil {
			c, err = append(c, h), ctx.Err()
		}
		if err != nil {
			c.hangUp()
			return nil, err
		}
	}
	return c, nil
}

// living counts those that are whole, by the gateway that they go through.
func (c crowd) living() tally {
	t := tally{}
	for _, h := range c {
		h.mu.Lock()
		if h.lost == nil {
			t[h.through]++
		}
		h.mu.Unlock()
	}
	return t
}

// silence is the longest time that a living connection went without an echo since somebody asked.
func (c crowd) silence() (longest time.Duration) {
	for _, h := range c {
		h.mu.Lock()
		if h.lost == nil {
			longest = max(longest, h.longest)
		}
		h.longest = 0
		h.mu.Unlock()
	}
	return longest
}

func (c crowd) hangUp() {
	for _, h := range c {
		h.hangUp()
	}
}
