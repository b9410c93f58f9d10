package balance

import "time"

// Link is what is known of an uplink's interface. The zero value is that of one nobody has looked at.
type Link uint8

// What an interface may be.
const (
	LinkUnknown Link = iota // counts as one that carries
	LinkCarries
	LinkSilent // it is there, and is down or has no carrier
	LinkGone   // there is none of its name
)

// Uplink is what is known of an uplink.
type Uplink struct {
	Link     Link
	Since    time.Time // since when the interface carries; zero: as long as is known
	Targets  []Health  // what its check says of its targets; none: it is not checked
	Override Override  // of its kinds, Drain, ForceUp and ForceDown mean something
	Down     bool      // it was down until now
}

// Steady is how long the interface of an uplink without a check must carry before new connections go
// back to it: a cable with a bad contact would otherwise take them each time.
const Steady = 3 * time.Second

// Standing is what an uplink is.
type Standing struct {
	Down   bool      // it gets no new connections
	Spares bool      // and keeps those that it has, since packets get through
	Reason string    // why it is down, as far as that is no check's; empty: its check says so
	Next   time.Time // when that may change by itself; zero: it does not
}

// Reasons that are no check's.
const (
	ReasonDrained  = "drained by hand"
	ReasonOverride = "set down by hand"
	ReasonGone     = "there is no such interface"
	ReasonSilent   = "the interface is down, or has no carrier"
	ReasonSteady   = "the interface carries again, but not for long yet"
)

// Stand tells whether an uplink is up. An order by hand comes first, then the interface, whose end is
// certain and known at once, then the check: it is down where each of its targets is. One target that
// answers shows that the uplink works, and a target that nobody has asked yet changes nothing.
func (u *Uplink) Stand(now time.Time) Standing {
	o := u.Override.In(now)
	switch {
	case o.Kind == Drain:
		return Standing{Down: true, Spares: true, Reason: ReasonDrained, Next: o.Until}
	case o.Kind == ForceDown:
		return Standing{Down: true, Reason: ReasonOverride, Next: o.Until}
	case o.Kind == ForceUp:
		return Standing{Next: o.Until}
	case u.Link == LinkGone:
		return Standing{Down: true, Reason: ReasonGone}
	case u.Link == LinkSilent:
		return Standing{Down: true, Reason: ReasonSilent}
	case len(u.Targets) > 0:
		return Standing{Down: u.silent()}
	}
	if steady := u.Since.Add(Steady); u.Down && now.Before(steady) {
		return Standing{Down: true, Reason: ReasonSteady, Next: steady}
	}
	return Standing{}
}

// silent tells whether the check finds the uplink down.
func (u *Uplink) silent() bool {
	unknown := false
	for _, h := range u.Targets {
		if h == Up {
			return false
		}
		unknown = unknown || h == Unknown
	}
	return !unknown || u.Down
}
