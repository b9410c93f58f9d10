package ctlink

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The runtime's poller would be woken by every single event, whether anybody waits for it
// or not, and that costs more than reading it. So the loop waits by itself.

// Gather is how long events gather after a read that did not find many, so that they share a
// wake-up. No event waits longer unless the loop is busy. To wake up costs about as much as to
// report ten events: after each the runtime's monitor looks around every 20 us for a millisecond.
const Gather = 5 * time.Millisecond

// receive waits for events and reads them.
func (s *EventSource) receive(ctx context.Context) error {
	if s.fills > 0 && !s.in.full() {
		time.Sleep(Gather)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.in.fill(s.fd)
		if err == unix.EAGAIN {
			if err = s.wait(); err == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("receive conntrack events: %w", err)
		}
		s.fills++
		s.due = !s.in.full() || s.fills%asking == 0
		return nil
	}
}

// wait returns when there are events, or the context is done.
func (s *EventSource) wait() error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(s.wake), Events: unix.POLLIN}}, -1)
	if err == unix.EINTR {
		return nil
	}
	return err
}

// wakeWhen has wait return when the context is done, until the function that it returns is
// called.
func (s *EventSource) wakeWhen(ctx context.Context) (stop func()) {
	woken := make(chan struct{})
	unregister := context.AfterFunc(ctx, func() {
		_, _ = unix.Write(s.wake, binary.NativeEndian.AppendUint64(nil, 1)) // eventfd(2): cannot fail on a counter of 0
		close(woken)
	})
	return func() {
		if unregister() {
			return
		}
		<-woken
		_, _ = unix.Read(s.wake, make([]byte, 8)) // back to 0, for the next loop
	}
}
