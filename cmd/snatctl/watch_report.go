package main

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/exporter"
	"github.com/snatctl/snatctl/gateway/natlog"
	"github.com/snatctl/snatctl/plain"
)

// reporter turns what a watch tells into lines: events on standard output, the NAT log, and
// notices on standard error.
type reporter struct {
	watchOptions
	out *natlog.Spool // nil: nothing is printed
	log *natlog.Log   // nil: nothing is logged
	// exporter is nil where nothing is exported.
	exporter *exporter.Exporter

	mu             sync.Mutex // over what follows
	lines, records []byte     // gathered for out and log

	notices notices
}

func newReporter(o watchOptions) *reporter {
	r := &reporter{watchOptions: o}
	r.notices.last, r.notices.told = make(map[string]time.Time), make(map[lossy]uint64)
	return r
}

// gathered is how many bytes are passed on at the latest.
const gathered = 1 << 16

// report gathers what is to be printed and logged of an event.
func (r *reporter) report(e *ct.Event, at time.Time, o *ct.Owner) {
	if !r.selection.Match(&e.Flow, o) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out != nil && e.Kind != ct.Found {
		if r.format == "jsonl" {
			r.lines = ct.AppendEvent(r.lines, e, at, o)
		} else {
			r.lines = view.AppendEvent(r.lines, e, at, o)
		}
		r.lines = append(r.lines, '\n')
	}
	if r.log != nil {
		var logged bool
		if r.records, logged = ct.AppendLog(r.records, e, at, o, r.destinations); logged {
			r.records = append(r.records, '\n')
		}
	}
	if r.exporter != nil {
		r.exporter.Event(e, at, o)
	}
	if len(r.lines) >= gathered || len(r.records) >= gathered {
		r.passOn()
	}
}

// rest passes on what was gathered.
func (r *reporter) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passOn()
	if r.exporter != nil {
		r.exporter.Rest()
	}
}

func (r *reporter) passOn() {
	if len(r.lines) > 0 {
		r.out.Add(r.lines)
		r.lines = r.lines[:0]
	}
	if len(r.records) > 0 {
		r.log.Add(r.records)
		r.records = r.records[:0]
	}
}

// hear says on standard error what else happens. What may come again and again is said once a
// second.
func (r *reporter) hear(e gateway.Event) {
	text := view.Notice(e)
	switch e := e.(type) {
	case gateway.Overrun:
		if r.log != nil {
			r.rest() // these were heard of before
			r.log.Lost(e.Lost)
		}
	case gateway.Unread:
		r.notices.say("read", time.Second, text)
	case gateway.Unlisted:
		r.notices.say("list", time.Second, text)
	case gateway.Refused:
		r.notices.say("", 0, text)
		if r.exporter != nil {
			r.exporter.Shortages(e.Shortages, time.Now())
		}
	case gateway.Gone, gateway.Resynced:
		r.notices.say("", 0, text)
	}
}

// tellLosses says how many lines were lost since it last did.
func (r *reporter) tellLosses() {
	if r.out != nil {
		r.notices.losses("standard output is not read fast enough: lost", "line", r.out)
	}
	if r.log != nil {
		if err := r.log.Failure(); err != nil {
			r.notices.say("log", time.Second, fmt.Sprintf("warning: NAT log: %v", err))
		}
		r.notices.losses("NAT log "+r.log.Path()+": lost", "record", r.log.Spool)
	}
	if r.exporter != nil {
		if err := r.exporter.Failure(); err != nil {
			r.notices.say("collector", collectorPause, fmt.Sprintf("warning: IPFIX: %v", err))
		}
		r.notices.losses("IPFIX to "+r.ipfix.String()+": lost", "record", r.exporter)
	}
}

// collectorPause bounds how often is said that a collector does not listen.
const collectorPause = time.Minute

// tellLossesUntil does so once a second, until the channel is closed.
func (r *reporter) tellLossesUntil(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			r.tellLosses()
		}
	}
}

func (r *reporter) close() {
	r.rest()
	if r.out != nil {
		r.out.Close(stuck)
	}
	if r.log != nil {
		r.log.Mark("stop")
		r.log.Close(stuck)
	}
	if r.exporter != nil {
		r.exporter.Close(stuck)
	}
	r.tellLosses()
}

// notices are what the watcher says on standard error, each kind at most so often.
type notices struct {
	mu   sync.Mutex
	last map[string]time.Time // by kind
	told map[lossy]uint64     // losses
}

// lossy is what counts its losses: a spool, or an exporter.
type lossy interface{ Losses() uint64 }

// once is the pause of what is said a single time.
const once = time.Duration(math.MaxInt64)

// say prints a line, unless one of its kind was printed within the pause.
func (n *notices) say(kind string, pause time.Duration, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if pause > 0 && now.Sub(n.last[kind]) < pause {
		return
	}
	n.last[kind] = now
	fmt.Fprintln(stderr, text)
}

// losses says how much was lost since that was last told.
func (n *notices) losses(what, noun string, s lossy) {
	lost := s.Losses()
	n.mu.Lock()
	before := n.told[s]
	n.told[s] = lost
	n.mu.Unlock()
	if lost > before {
		n.say("", 0, fmt.Sprintf("warning: %s %s, %d in all", what, plain.Count(int(lost-before), noun), lost))
	}
}
