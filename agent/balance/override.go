package balance

import "time"

// Override is what an operator says about a server for a while. It changes the administrative
// weight or what counts as health; the other of the two stays as it is. The zero value is none.
type Override struct {
	Kind   Kind
	Weight int       // of SetWeight
	Until  time.Time // zero: until it is taken back
}

// Kind is what an override does.
type Kind string

// The kinds of overrides; the empty one is none.
const (
	Drain     Kind = "drain"  // weight 0: it keeps its flows, and gets no new ones
	ForceDown Kind = "down"   // as if its check said so
	ForceUp   Kind = "up"     // as if its check said so, whatever it says
	SetWeight Kind = "weight" // another weight; health counts as ever
)

// In returns the override that is in force at a time.
func (o Override) In(now time.Time) Override {
	if !o.Until.IsZero() && !now.Before(o.Until) {
		return Override{}
	}
	return o
}

// administer enters the administrative weights, and which servers are down.
func (d *decision) administer() {
	servers := d.service.Servers
	d.Admin, d.Down = make([]int, len(servers)), make([]bool, len(servers))
	for i := range servers {
		s := &servers[i]
		o := s.Override.In(d.now)
		if o.Kind != "" {
			d.at(o.Until)
		}
		d.Admin[i], d.Down[i] = max(0, s.Weight), s.Health == Down
		switch o.Kind {
		case Drain:
			d.Admin[i] = 0
		case SetWeight:
			d.Admin[i] = max(0, o.Weight)
		case ForceDown:
			d.Down[i] = true
		case ForceUp:
			d.Down[i] = false
		}
	}
}
