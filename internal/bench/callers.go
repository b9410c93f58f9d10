package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// hosted is a real server that ends each connection after a while of its own.
type hosted struct {
	l    net.Listener
	live atomic.Int64
}

// host lets a host take connections at port 80, which last for so long on average.
func host(h *nstest.Host, lasts time.Duration) (*hosted, error) {
	s := &hosted{}
	err := h.Do(func() (err error) {
		s.l, err = net.Listen("tcp4", ":80")
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := s.l.Accept()
			if err != nil {
				return
			}
			s.live.Add(1)
			time.AfterFunc(time.Duration(float64(lasts)*rand.ExpFloat64()), func() {
				s.live.Add(-1)
				c.Close()
			})
		}
	}()
	return s, nil
}

func (s *hosted) close() { s.l.Close() }

// answers waits until somebody takes connections there.
func answers(h *nstest.Host, at string) (err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var c net.Conn
		if c, err = h.Dial("tcp4", "", at); err == nil {
			return c.Close()
		}
	}
	return err
}

// calls are TCP connections that begin at random, and stay until the other side ends them.
type calls struct {
	cancel       context.CancelFunc
	callers      sync.WaitGroup
	made, failed atomic.Int64
	reason       atomic.Value // the error of one that failed
}

// callersOfRate share a rate, so that one that waits for an answer does not keep others back.
const callersOfRate = 8

// call makes so many connections a second from a host.
func call(ctx context.Context, h *nstest.Host, to string, rate float64) *calls {
	c := &calls{}
	ctx, c.cancel = context.WithCancel(ctx)
	for range callersOfRate {
		c.callers.Go(func() {
			_ = h.Do(func() error { c.keep(ctx, to, rate/callersOfRate); return nil })
		})
	}
	return c
}

func (c *calls) keep(ctx context.Context, to string, rate float64) {
	d := net.Dialer{Timeout: 5 * time.Second}
	for next := time.Now(); ctx.Err() == nil; time.Sleep(time.Until(next)) {
		next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		conn, err := d.DialContext(ctx, "tcp4", to)
		switch {
		case err == nil:
			c.made.Add(1)
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}()
		case ctx.Err() == nil:
			c.failed.Add(1)
			c.reason.Store(err.Error())
		}
	}
}

func (c *calls) stop() {
	c.cancel()
	c.callers.Wait()
}
