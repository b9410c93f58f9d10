// Package exporter sends the NAT log to an IPFIX collector. Records wait in a queue, so a
// collector that is slow, absent or just starting never holds up the caller. It costs records,
// which are counted, and of which the next records tell the collector.
package exporter

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ipfix"
)

// Options say where records go, and which.
type Options struct {
	Collector    Collector
	Domain       uint32 // observation domain: tells several exporters of one host apart
	Destinations bool   // also tell destinations, and every connection of clients with port blocks
	Room         int    // messages that may wait; 0: as many as hold some 200,000 records
}

// Exporter sends records to one collector. Its methods that take events must not be called at
// the same time.
type Exporter struct {
	o      Options
	blocks blocks
	queue  *queue
	link   link
	failed atomic.Pointer[error]
	told   uint64 // losses that the collector knows
	toldAt time.Time

	stop   chan struct{} // closed when what waits is to be sent at once
	giveUp context.CancelFunc
	done   chan struct{} // closed when nothing is sent any more
}

// message is how long messages are at most, in bytes: with headers they fit into the packets
// of Ethernet, of PPPoE and of most tunnels. Where a path takes less, the kernel knows and
// sends fragments (ip(7), IP_MTU_DISCOVER).
const message = 1400

const room = 4096

// Open begins to send. The collector need not be there.
func Open(o Options) *Exporter {
	if o.Room == 0 {
		o.Room = room
	}
	x := &Exporter{o: o, queue: newQueue(o.Room), stop: make(chan struct{}), done: make(chan struct{})}
	ctx, giveUp := context.WithCancel(context.Background())
	x.giveUp = giveUp
	x.link = link{to: o.Collector, domain: o.Domain, destinations: o.Destinations, ctx: ctx}
	go x.run()
	return x
}

// Event exports an event with its time and owner, if it belongs into a NAT log.
func (x *Exporter) Event(e *ct.Event, at time.Time, o *ct.Owner) {
	if !ct.Logged(e, o) {
		return
	}
	r := session(e, at)
	if held, block := x.blocks.follow(e, o); held {
		if block.change != 0 {
			b := blockRecord(&r, block)
			x.queue.add(&b, x.o.Destinations)
		}
		if !x.o.Destinations {
			return
		}
	}
	x.queue.add(&r, x.o.Destinations)
}

// Shortages exports which laddrs have no ports left, and which pools no such laddr.
func (x *Exporter) Shortages(list []ct.Shortage, at time.Time) {
	for i := range list {
		for _, r := range shortageRecords(&list[i], at) {
			x.queue.add(&r, x.o.Destinations)
		}
	}
	x.Rest()
}

// Rest sends on what was gathered, without waiting for it.
func (x *Exporter) Rest() { x.queue.rest() }

// Losses returns how many records have been lost, so far as this host can know.
func (x *Exporter) Losses() uint64 { return x.queue.losses() }

// Failure returns the last error since it was asked for last, nil if all went well.
func (x *Exporter) Failure() error {
	if err := x.failed.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// Close sends what waits, but does not wait longer than limit: then what waits is lost.
func (x *Exporter) Close(limit time.Duration) {
	x.Rest()
	close(x.stop)
	select {
	case <-x.done:
	case <-time.After(limit):
		x.giveUp()
		x.link.drop()
		<-x.done // nothing waits any more
	}
}

// retry is the pause before a collector that failed is tried again.
const retry = time.Second

// Of many messages, as they come when a watch finds a large table, so many are sent in one go
// over UDP, and then comes a pause: a collector cannot make UDP wait. It makes 4,000 messages
// with 200,000 records a second at most.
const (
	burst = 8
	pause = 2 * time.Millisecond
)

func (x *Exporter) run() {
	defer close(x.done)
	defer x.giveUp()
	defer x.link.drop()
	for n := 0; ; {
		m := x.queue.take()
		if m == nil {
			n = 0
			if !x.queue.wait(x.stop) {
				x.tellLosses()
				return
			}
			continue
		}
		x.send(m)
		if time.Since(x.toldAt) >= time.Second {
			x.tellLosses()
		}
		if n++; n%burst == 0 && x.o.Collector.Network == "udp" {
			time.Sleep(pause)
		}
	}
}

// tellLosses tells the collector how many records it did not get, if it does not know.
func (x *Exporter) tellLosses() {
	lost := x.Losses()
	if lost == x.told {
		return
	}
	m := ipfix.NewMessage(message)
	m.Add(&ipfix.Record{At: time.Now(), NotSent: lost}, false)
	x.toldAt = time.Now()
	if before, err := x.link.send(m); err == nil {
		x.told, x.link.last = lost, 0 // should it get lost, no event does
	} else {
		x.queue.lose(before)
	}
}

// send sends a message, however often it takes, until it must stop.
func (x *Exporter) send(m *ipfix.Message) {
	defer x.queue.free(m)
	for {
		lost, err := x.link.send(m)
		x.queue.lose(lost)
		if err == nil {
			return
		}
		x.failed.Store(&err)
		select {
		case <-x.stop:
			x.queue.lose(m.Records())
			return
		case <-time.After(retry):
		}
	}
}
