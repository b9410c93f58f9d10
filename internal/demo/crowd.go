package main

import (
	"context"
	"sync"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// crowd is many clients that each hold a connection, say something on it again and again, and hear the echo.
type crowd []*guest

// guest is one of them.
type guest struct {
	*nstest.Chat
	through string // the gateway that the connection goes through
	heard   int    // words that were answered until somebody looked
	bye     sync.Once
}

// How a guest speaks.
const (
	saysEvery = 100 * time.Millisecond
	silence   = 6 * time.Second // TCP sends again after 0.2, 0.6, 1.4 and 3 s: who is silent for longer is lost
)

// gather opens connections, one after the other.
func gather(ctx context.Context, n int, open func(n int) (*nstest.Chat, error)) (c crowd, err error) {
	for i := range n {
		chat, err := open(i)
		if err == nil {
			c, err = append(c, &guest{Chat: chat, through: through(chat.Answer)}), ctx.Err()
		}
		if err != nil {
			c.hangUp()
			return nil, err
		}
	}
	return c, nil
}

// living waits for a while, and counts those that were answered in it, by the gateway that they go through. Less than
// silence finds out what was reset, but not what is silent.
func (c crowd) living(ctx context.Context, while time.Duration) (tally, error) {
	for _, g := range c {
		g.heard = g.Words()
	}
	err := wait(ctx, while)
	t := tally{}
	for _, g := range c {
		if g.Lost() == nil && g.Words() > g.heard {
			t[g.through]++
		}
	}
	return t, err
}

// gap is the longest silence of one that lives, since somebody asked.
func (c crowd) gap() (longest time.Duration) {
	for _, g := range c {
		if gap := g.Gap(); g.Lost() == nil && g.Words() > g.heard {
			longest = max(longest, gap)
		}
	}
	return longest
}

func (c crowd) hangUp() {
	for _, g := range c {
		g.bye.Do(func() { _ = g.Close() }) // what had ended it, living tells
	}
}
