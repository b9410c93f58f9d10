package agent

import (
	"context"
	"net/netip"
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
	a.tellExhausted(&survey.Report)
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
func (a *Agent) tellExhausted(r *ct.Report) {
	told := map[netip.Addr]bool{}
	list := func(object string, laddrs []ct.LaddrReport) {
		for i := range laddrs {
			l := &laddrs[i]
			if l.Severity() == 0 || l.Flows == 0 || told[l.Address] || len(told) == mostExhausted {
				continue
			}
			told[l.Address] = true
			a.log.Error("pool_exhausted", "object", object, "pool", l.Pool, "laddr", l.Address.String(), "destination", l.Busiest.String(), "ports", l.Ports, "capacity", l.Capacity)
		}
	}
	for i := range r.Services {
		list("service "+r.Services[i].Name, r.Services[i].Laddrs)
	}
	for i := range r.Zones {
		list("zone "+r.Zones[i].Name, r.Zones[i].Laddrs)
	}
}
