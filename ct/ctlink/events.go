package ctlink

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
)

// ListenOptions say what to hear of. The zero value is everything, with a buffer that holds
// some ten thousand events.
type ListenOptions struct {
	Kinds []ct.EventKind // New and Destroy alone are half as many events as all, for TCP
	// Buffer is how many bytes wait in the kernel until they are read; 16 MiB unless given.
	// An event takes about 1 KiB as the kernel counts.
	Buffer int
}

const listenBuffer = 16 << 20

// EventSource reports what becomes of the flows of one network namespace, that of the
// thread that opened it. Only Lost may be called while another goroutine reads.
type EventSource struct {
	fd   int
	wake int // an eventfd, readable when the loop's context is done
	in   *inbox
	lost atomic.Uint64

	fills   uint      // reads so far
	due     bool      // losses are to be asked for after what the last one brought
	dropped uint32    // the kernel's count when it was last asked
	unread  uint64    // events since then that made no sense
	checked time.Time // all events of flows that had begun by then were counted when the kernel was last asked
}

// OverrunError says that events came faster than they were read and that some are lost.
// Whoever keeps a picture of the flows lists them anew.
type OverrunError struct {
	Lost  uint64
	Since time.Time // nothing was lost before
}

func (e *OverrunError) Error() string { return fmt.Sprintf("%d conntrack events were lost", e.Lost) }

// Listen starts hearing of events: all that happen from its return on wait to be read. The
// errors are ErrNoPermission and ErrUnsupported, or what the system says.
//
// Flows that began before the first listener of the namespace end without an event, unless
// nf_conntrack_events was 1 when they began: its default, 2, spares flows that nobody watches.
func Listen(o ListenOptions) (*EventSource, error) {
	if o.Buffer == 0 {
		o.Buffer = listenBuffer
	}
	fd, err := open(0, o.Buffer)
	if err != nil {
		return nil, err
	}
	s := &EventSource{fd: fd, wake: -1, in: newInbox(), checked: time.Now()}
	if err = join(fd, o.Kinds); err == nil {
		s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("listen to conntrack events: %w", explain(err))
	}
	return s, nil
}

func join(fd int, kinds []ct.EventKind) error {
	// Losses are told by the count of drops, which is exact (netlink_overrun). ENOBUFS would
	// tell of them too early, with events still waiting, and have all dropped until none is.
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1); err != nil {
		return err
	}
	if len(kinds) == 0 {
		kinds = []ct.EventKind{ct.New, ct.Update, ct.Destroy}
	}
	for _, k := range kinds {
		group, ok := groups[k]
		if !ok {
			return fmt.Errorf("there are no events of kind %d", k)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the socket. No loop over Events may be running: its context ends it.
func (s *EventSource) Close() error {
	if s.wake >= 0 {
		unix.Close(s.wake)
	}
	return unix.Close(s.fd)
}

// Lost returns how many events have been lost since Listen.
func (s *EventSource) Lost() uint64 { return s.lost.Load() }

// Pending returns how many events after the one at hand have been read from the kernel
// already: if none, it is time to flush what was printed. It belongs to the loop over Events.
func (s *EventSource) Pending() int { return s.in.n - s.in.next }

// Events yields events as they come. The event belongs to the loop's step: the next one
// overwrites it. Losses are yielded as *OverrunError, as a rule when all that waited has been
// read, so that a list made then is newer than every event before. The loop goes on after
// them; it ends after any other error, which is ctx's when that is done. A loop that was left
// can be taken up by another.
func (s *EventSource) Events(ctx context.Context) iter.Seq2[*ct.Event, error] {
	return func(yield func(*ct.Event, error) bool) {
		defer s.wakeWhen(ctx)()
		var e ct.Event
		for {
			if !s.read(&e, yield) {
				return
			}
			since := s.checked
			if lost, err := s.overrun(); err != nil {
				yield(nil, err)
				return
			} else if lost > 0 && !yield(nil, &OverrunError{lost, since}) {
				return
			}
			if err := s.receive(ctx); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// read yields the events that have been received already, and tells whether the loop goes on.
func (s *EventSource) read(e *ct.Event, yield func(*ct.Event, error) bool) bool {
	for s.Pending() > 0 {
		if s.in.event(e) != nil {
			s.unread++
		} else if !yield(e, nil) {
			return false
		}
	}
	return true
}

// Drain ends listening and yields what waits already, losses last. There is no more after it.
func (s *EventSource) Drain() iter.Seq2[*ct.Event, error] {
	return func(yield func(*ct.Event, error) bool) {
		for _, group := range groups {
			// A group that was never joined is left without an error.
			if err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, group); err != nil {
				yield(nil, fmt.Errorf("leave conntrack events: %w", err))
				return
			}
		}
		var e ct.Event
		for {
			if !s.read(&e, yield) {
				return
			}
			if err := s.in.fill(s.fd); err == unix.EAGAIN {
				break
			} else if err != nil {
				yield(nil, fmt.Errorf("receive conntrack events: %w", err))
				return
			}
		}
		since := s.checked
		s.due = true
		if lost, err := s.overrun(); err != nil {
			yield(nil, err)
		} else if lost > 0 {
			yield(nil, &OverrunError{lost, since})
		}
	}
}

// groups are the multicast groups of events.
var groups = map[ct.EventKind]int{ct.New: unix.NFNLGRP_CONNTRACK_NEW, ct.Update: unix.NFNLGRP_CONNTRACK_UPDATE, ct.Destroy: unix.NFNLGRP_CONNTRACK_DESTROY}

// asking is after how many full reads the kernel is asked for losses, if the buffer never
// gets empty.
const asking = 512

// underway is how long before its event was sent, or dropped, a flow may have begun: the
// kernel notes the time first, and another machine may have the processor in between.
const underway = 10 * time.Millisecond

// overrun returns how many events were lost since it last told, once it is time to tell.
func (s *EventSource) overrun() (lost uint64, err error) {
	if !s.due {
		return 0, nil
	}
	s.due, s.checked = false, time.Now().Add(-underway)
	dropped, err := drops(s.fd)
	if err != nil {
		return 0, fmt.Errorf("ask for lost conntrack events: %w", err)
	}
	lost = uint64(dropped-s.dropped) + s.unread // the kernel's counter wraps
	s.dropped, s.unread = dropped, 0
	s.lost.Add(lost)
	return lost, nil
}
