package ct

import "time"

// Rates turns lists of the flow table, and the ends of flows between them, into what each
// group of flows has done from one list to the next:
//
//	new   = flows now − flows before + flows ended in between
//	bytes = bytes of flows now − bytes of flows before + bytes of flows ended in between
//
// A list is no snapshot: flows end while it is made. Those that it has count as ended after
// it, the others before, so nothing counts twice or is missing.
//
// Groups without flows are forgotten with the next list. NewRates makes one; it is not safe
// for concurrent use.
type Rates struct {
	index   *Index
	by      Grouping
	masters Masters

	before, now, ended groupSums
	listed             map[FlowName]struct{} // by the list that is being made
	late               []endedFlow           // ended meanwhile
	listing            bool
	unsure, unsureNext bool // ends are missing: since the list before, and from this one on
}

// flowSum is a number of flows and what they have carried.
type flowSum struct{ flows, in, out int64 }

func sumOf(f *Flow) flowSum { return flowSum{1, int64(f.In.Bytes), int64(f.Out.Bytes)} }

// groupSums are the sums of groups.
type groupSums map[Group]flowSum

func (m groupSums) add(g Group, s flowSum) {
	o := m[g]
	m[g] = flowSum{o.flows + s.flows, o.in + s.in, o.out + s.out}
}

type endedFlow struct {
	flow  FlowName
	group Group
	sum   flowSum
}

// Rate is a group's flows now, and what has happened since the list before.
type Rate struct {
	Group
	Flows   uint64
	New     uint64 // flows that began
	In, Out uint64 // bytes; In from who opened the connections
}

// NewRates returns rates of which nothing is known yet. A nil index is that of no policy.
func NewRates(x *Index, by Grouping) *Rates {
	return &Rates{index: x, by: by, unsure: true, ended: make(groupSums)}
}

// Begin begins a list. One that was begun and not finished is forgotten.
func (r *Rates) Begin() {
	r.attribute()
	// New maps, as one that was large once never gets small again.
	r.now = make(groupSums, len(r.before))
	r.listed = make(map[FlowName]struct{}, len(r.listed))
	r.listing = true
}

// List adds a flow to the list that was begun, and returns its owner. It counts a flow once,
// however often it is listed; false: it has it already.
func (r *Rates) List(f *Flow) (o Owner, first bool) {
	key := f.Name()
	if _, twice := r.listed[key]; twice {
		return o, false
	}
	r.listed[key] = struct{}{}
	r.masters.Listed(f)
	o = r.index.Owner(f)
	r.now.add(r.by.of(f, &o), sumOf(f))
	return o, true
}

// Ended counts a flow that has ended, with the counters that it had then.
func (r *Rates) Ended(f *Flow) {
	if f.related() {
		e := Event{Destroy, time.Time{}, *f}
		r.masters.Heard(&e)
		f = &e.Flow
	}
	if r.listing {
		r.late = append(r.late, endedFlow{f.Name(), r.group(f), sumOf(f)})
		return
	}
	r.ended.add(r.group(f), sumOf(f))
}

// Lost tells that flows have ended of which Ended was not told: what happens until the next
// list is finished cannot be known.
func (r *Rates) Lost() {
	r.unsure = true
	r.unsureNext = r.unsureNext || r.listing
}

// Finish ends a list. It returns all groups, in no order, and whether New, In and Out are
// known: if not, they are 0.
func (r *Rates) Finish() (rates []Rate, known bool) {
	after := r.attribute()
	known = !r.unsure
	rates = r.rates(known)
	r.before, r.ended = r.now, make(groupSums)
	for _, e := range after {
		r.ended.add(e.group, e.sum)
	}
	r.unsure, r.unsureNext = r.unsureNext, false
	return rates, known
}

// attribute decides about the flows that ended while a list was made. It returns those that the
// list has.
func (r *Rates) attribute() (listed []endedFlow) {
	for _, e := range r.late {
		if _, has := r.listed[e.flow]; has {
			listed = append(listed, e)
		} else {
			r.ended.add(e.group, e.sum)
		}
	}
	r.late, r.listing = nil, false
	return listed
}

// rates compares the list with the one before.
func (r *Rates) rates(known bool) []Rate {
	out := make([]Rate, 0, len(r.now))
	enter := func(g Group) {
		now, before, ended := r.now[g], r.before[g], r.ended[g]
		rate := Rate{Group: g, Flows: uint64(now.flows)}
		if known {
			rate.New = difference(now.flows, before.flows, ended.flows)
			rate.In = difference(now.in, before.in, ended.in)
			rate.Out = difference(now.out, before.out, ended.out)
		}
		out = append(out, rate)
	}
	for g := range r.now {
		enter(g)
	}
	if !known {
		return out
	}
	for g := range r.before {
		if _, listed := r.now[g]; !listed {
			enter(g)
		}
	}
	for g := range r.ended {
		_, listed := r.now[g]
		if _, stood := r.before[g]; !listed && !stood {
			enter(g)
		}
	}
	return out
}

// difference returns how much was added. Where an end comes so late that the list has been
// finished, less than nothing has happened, and the next list has the rest.
func difference(now, before, ended int64) uint64 { return uint64(max(0, now-before+ended)) }

func (r *Rates) group(f *Flow) Group {
	o := r.index.Owner(f)
	return r.by.of(f, &o)
}
