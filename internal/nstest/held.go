package nstest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Held is a TCP connection that is kept, to see whether it lives on: silent, unless somebody asks.
type Held struct {
	Answer
	From string // the address that it was made from
	conn net.Conn
}

// Hold connects to a server of ServeTCP.
func (h *Host) Hold(laddr, raddr string) (*Held, error) {
	c, a, err := h.asked(Patience, "tcp", laddr, raddr)
	if err != nil {
		return nil, err
	}
	h.owns(c)
	return &Held{a, laddr, c}, nil
}

// HoldEach holds n connections, each from an address of its own, and tries again where a busy machine was too slow.
func (h *Host) HoldEach(n int, laddr func(i int) string, raddr string) (all []*Held, err error) {
	all = make([]*Held, n)
	var doing sync.WaitGroup
	errs := make([]error, n)
	next := make(chan int)
	for range 8 {
		doing.Go(func() {
			for i := range next {
				for range 5 {
					if all[i], errs[i] = h.Hold(laddr(i), raddr); errs[i] == nil {
						break
					}
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	doing.Wait()
	return all, errors.Join(errs...)
}

// Alive has the far end send a word back, and tells what kept it.
func (c *Held) Alive(limit time.Duration) error {
	if err := c.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := c.conn.Write([]byte("word")); err != nil {
		return classify(err)
	}
	back := make([]byte, 4)
	if _, err := io.ReadFull(c.conn, back); err != nil {
		return classify(err)
	}
	if string(back) != "word" {
		return fmt.Errorf("%q came back", back)
	}
	return nil
}

// Lost asks all connections at once, and returns why those are lost that are.
func Lost(all []*Held, limit time.Duration) map[*Held]error {
	lost := make(map[*Held]error)
	var doing sync.WaitGroup
	var mu sync.Mutex
	for _, c := range all {
		doing.Go(func() {
			if err := c.Alive(limit); err != nil {
				mu.Lock()
				defer mu.Unlock()
				lost[c] = err
			}
		})
	}
	doing.Wait()
	return lost
}
