package agent

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// How often the counters of conntrack are read, which is two small requests; and how long to wait where
// they cannot be.
const (
	roomEvery = time.Second
	roomAgain = 10 * time.Second
)

// watchRoom warns where connections fail, or soon will, for want of ports or of room in conntrack's table.
// It goes on beside the loop.
func (a *Agent) watchRoom(ctx context.Context) {
	var r room
	for ctx.Err() == nil {
		pause := roomEvery
		if err := a.lookForRoom(ctx, &r); err != nil {
			pause = roomAgain
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	r.close()
}

// room is what watchRoom knows.
type room struct {
	reader  *gateway.Reader // nil: not opened yet
	refused gateway.Refusals
	fill    ct.Severity
}

func (r *room) close() {
	if r.reader != nil {
		r.reader.Close()
		r.reader = nil
	}
}

func (a *Agent) lookForRoom(ctx context.Context, r *room) (err error) {
	if r.reader == nil {
		if r.reader, err = gateway.OpenReader(a.table); err != nil {
			r.reader = nil
			return err
		}
	}
	s, err := r.reader.Stats(ctx)
	if err != nil {
		r.close()
		return err
	}
	a.tellFill(r, s.Entries, s.Max)
	n := r.refused.Count(s)
	if n == 0 {
		return nil
	}
	p, err := a.Picture()
	if err != nil {
		return err
	}
	survey, err := r.reader.Survey(ctx, p)
	if err != nil {
		return err
	}
	r.refused.Told()
	a.log.Warn("connections_refused", "connections", n, "entries", s.Entries, "limit", s.Max)
	a.tellExhausted(survey.Shortages())
	return nil
}

// From which percentage on the table of flows fills, and is full. What has eased is as far below as keeps
// lines from coming and going.
const (
	filling = 75
	full    = 95
	easing  = 5
)

// tellFill says when the table of flows fills, and when it no longer does.
func (a *Agent) tellFill(r *room, entries, limit uint32) {
	percent, args := uint64(0), []any{"entries", entries, "limit", limit}
	if limit > 0 {
		percent = uint64(entries) * 100 / uint64(limit)
	}
	switch {
	case percent >= full && r.fill < ct.Critical:
		r.fill = ct.Critical
		a.log.Error("conntrack_full", args...)
	case percent >= filling && r.fill < ct.Warning:
		r.fill = ct.Warning
		a.log.Warn("conntrack_filling", args...)
	case percent < filling-easing && r.fill > 0:
		r.fill = 0
		a.log.Info("conntrack_eased", args...)
	case percent < full-easing && r.fill > ct.Warning:
		r.fill = ct.Warning
	}
}

// mostExhausted bounds how many laddrs are logged at a time.
const mostExhausted = 20

// tellExhausted names the laddrs toward whose busiest destinations hardly a port is left.
func (a *Agent) tellExhausted(short []ct.Shortage) {
	told := 0
	for i := range short {
		s := &short[i]
		for _, l := range s.Full {
			if l.Flows == 0 { // others' flows are their problem
				continue
			}
			if told == mostExhausted {
				return
			}
			told++
			a.log.Error("pool_exhausted", "object", s.Object, "pool", s.Pool, "laddr", l.Address.String(), "destination", l.Busiest.String(), "ports", l.Ports, "capacity", l.Capacity)
		}
	}
}
