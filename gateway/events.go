package gateway

import "time"

// Event is something that an operation does or meets, told while it goes on: a Stage, Took,
// Switched, Released or Warning.
type Event interface{ event() }

// Stage says what an operation is about to do, in words for people.
type Stage string

// The stages. Cleaning comes with and without something to do; Foreseeing takes its place where
// nothing is changed.
const (
	Reading    Stage = "reading the table"
	Comparing  Stage = "comparing"
	Telling    Stage = "naming what changes"
	Committing Stage = "committing"
	Recording  Stage = "entering it into the history"
	Cleaning   Stage = "ending stale flows"
	Foreseeing Stage = "looking at the flows"
)

// Took says how long a stage has taken, or a part of it: a stage may come several times.
type Took struct {
	Stage Stage
	Time  time.Duration
}

// Switched says that a sysctl has another value now.
type Switched struct {
	Key   string // as a path below /proc/sys
	Value string // empty: 1
}

// Released says that persistent services forgot clients of real servers that take no new
// connections.
type Released struct{ Clients int }

// Warning is what went wrong without keeping the operation from what it is for.
type Warning struct{ Err error }

func (Stage) event()    {}
func (Took) event()     {}
func (Switched) event() {}
func (Released) event() {}
func (Warning) event()  {}

// took tells how long a stage has taken since start.
func (g *Gateway) took(s Stage, start time.Time) { g.tell(Took{s, time.Since(start)}) }
