package traffic

import "time"

// Points is how many points a history has at most.
const Points = 60

// mostKept bounds how many services and zones have a history: those whose traffic was seen first.
const mostKept = 10000

// Object is what a history is of. The zero value is the gateway as a whole.
type Object struct {
	Kind string // "service" or "zone"
	Name string
}

// Point is what an object did from the reading before up to one.
type Point struct {
	At time.Time `json:"at"`
	Rate
}

// history is what objects did at the last readings. What had no traffic in all of them takes no room.
type history struct {
	at   [Points]time.Time
	next int // the place of the next point, but for whole rounds
	of   map[Object]*past
}

// past is an object's points, in the places of their moments.
type past struct {
	rates [Points][3]float32 // as Rate has them
	last  int                // the newest reading at which something moved
}

// enter adds a reading. One whose rates are not known leaves no point.
func (h *history) enter(f *Figures) {
	if f.Over == 0 {
		return
	}
	h.at[h.next%Points] = f.At
	var all Rate
	for i := range f.Services {
		h.point(Object{"service", f.Services[i].Name}, f.Services[i].Rate)
		all.add(f.Services[i].Rate)
	}
	for i := range f.Zones {
		h.point(Object{"zone", f.Zones[i].Name}, f.Zones[i].Rate)
		all.add(f.Zones[i].Rate)
	}
	h.point(Object{}, all)
	for o, p := range h.of {
		switch {
		case p.last <= h.next-Points:
			delete(h.of, o)
		case p.last < h.next:
			p.rates[h.next%Points] = [3]float32{}
		}
	}
	h.next++
}

func (r *Rate) add(o Rate) { r.New, r.In, r.Out = r.New+o.New, r.In+o.In, r.Out+o.Out }

func (h *history) point(o Object, r Rate) {
	if r == (Rate{}) {
		return
	}
	p := h.of[o]
	if p == nil {
		if len(h.of) >= mostKept {
			return
		}
		if h.of == nil {
			h.of = make(map[Object]*past)
		}
		p = new(past)
		h.of[o] = p
	}
	p.rates[h.next%Points] = [3]float32{float32(r.New), float32(r.In), float32(r.Out)}
	p.last = h.next
}

// History returns what an object did at the last readings, the oldest first, at most Points of them.
// They come when somebody asks for figures, so they are not evenly spaced.
func (s *Sampler) History(o Object) []Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.history
	p := h.of[o]
	out := make([]Point, 0, min(h.next, Points))
	for i := max(0, h.next-Points); i < h.next; i++ {
		point := Point{At: h.at[i%Points]}
		if p != nil {
			r := p.rates[i%Points]
			point.Rate = Rate{float64(r[0]), float64(r[1]), float64(r[2])}
		}
		out = append(out, point)
	}
	return out
}
