package nstest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Chat is a connection on which a client says something every now and then and is answered, as people do at a
// terminal. A stream keeps a path busy; a chat tells how long it was silent.
type Chat struct {
	Answer Answer // who is at the far end, and how it sees the client

	conn  net.Conn
	pause time.Duration
	stop  chan struct{}
	done  chan struct{}

	turn sync.Mutex // over each word and its answer
	held bool       // by Hold

	mu    sync.Mutex
	words int           // that were answered
	gap   time.Duration // the longest time from one answer to the next
	err   error         // the first thing that went wrong
}

// chatPatience is how long an answer may take before the connection counts as lost.
const chatPatience = 45 * time.Second

// OpenChat connects to a server of ServeTCP or ServeUDP, and talks about once a pause.
func (h *Host) OpenChat(network, laddr, raddr string, pause time.Duration) (*Chat, error) {
	conn, a, err := h.asked(10*time.Second, network, laddr, raddr)
	if err != nil {
		return nil, err
	}
	c := &Chat{Answer: a, conn: conn, pause: pause, stop: make(chan struct{}), done: make(chan struct{})}
	go c.talk()
	return c, nil
}

func (c *Chat) talk() {
	defer close(c.done)
	say := c.word
	if _, udp := c.conn.(*net.UDPConn); udp {
		say = c.datagram
	}
	for last := time.Now(); ; {
		select {
		case <-c.stop:
			return
		case <-time.After(c.pause/2 + rand.N(c.pause)):
		}
		c.turn.Lock()
		if c.over() {
			c.turn.Unlock()
			return
		}
		err := say()
		c.turn.Unlock()
		now := time.Now()
		c.mu.Lock()
		if c.gap = max(c.gap, now.Sub(last)); err == nil {
			c.words++
		}
		if err != nil {
			c.err = fmt.Errorf("at %s: %w", now.Format("15:04:05.000"), err)
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		last = now
	}
}

// over tells whether the chat is being closed.
func (c *Chat) over() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// word has the far end send a word back.
func (c *Chat) word() error {
	c.conn.SetDeadline(time.Now().Add(chatPatience))
	if _, err := io.WriteString(c.conn, "hello..\n"); err != nil {
		return err
	}
	_, err := io.ReadFull(c.conn, make([]byte, 8))
	return err
}

// datagram asks until an answer comes. It has to be that of the same far end, about the same client.
func (c *Chat) datagram() error {
	for began := time.Now(); ; {
		a, err := AskWithin(200*time.Millisecond, c.conn)
		switch {
		case err == nil && a == c.Answer:
			return nil
		case err == nil:
			return fmt.Errorf("%s answers, and sees %s: it was %s that saw %s", a.Host, a.Peer, c.Answer.Host, c.Answer.Peer)
		case time.Since(began) > chatPatience:
			return err
		}
	}
}

// Hold waits until what was said is answered, and has nothing more be said until Release.
func (c *Chat) Hold() {
	c.turn.Lock()
	c.held = true
}

// Release takes Hold back, if there was one.
func (c *Chat) Release() {
	if c.held {
		c.held = false
		c.turn.Unlock()
	}
}

// Local is the client's own address and port.
func (c *Chat) Local() string { return c.conn.LocalAddr().String() }

// Words returns how many words were answered so far.
func (c *Chat) Words() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.words
}

// Lost tells what ended the chat; nil while it goes on.
func (c *Chat) Lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Gap returns the longest silence since the last call, and begins anew.
func (c *Chat) Gap() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.gap
	c.gap = 0
	return g
}

// Close hangs up, and returns what had ended the chat before.
func (c *Chat) Close() error {
	close(c.stop)
	lost := c.Lost()
	c.conn.Close()
	c.Release()
	<-c.done
	return lost
}
