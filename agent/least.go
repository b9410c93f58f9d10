package agent

import (
	"context"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway"
)

// counted is what a census finds: flows by real server. Port 0 has all flows to an address: those of a
// real server without a port of its own.
type counted map[gateway.FlowServer]gateway.ServerFlows

// countedOf adds the sums of port 0.
func countedOf(flows map[gateway.FlowServer]gateway.ServerFlows) counted {
	out := make(counted, 2*len(flows))
	for at, n := range flows {
		out.add(at, n)
		if at.To.Port() != 0 {
			at.To = netip.AddrPortFrom(at.To.Addr(), 0)
			out.add(at, n)
		}
	}
	return out
}

func (c counted) add(at gateway.FlowServer, n gateway.ServerFlows) {
	has := c[at]
	c[at] = gateway.ServerFlows{Live: has.Live + n.Live, New: has.New + n.New}
}

// How often flows are counted for lc and wlc, and how many times what it took of a processor
// counting rests at least.
const (
	countEvery = 250 * time.Millisecond
	countSpare = 4
)

// count counts the flows of real servers for as long as services want to know, beside the loop.
func (a *Agent) count(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-a.census: // somebody wants to know
		}
		if err := a.countWhile(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("flows_uncounted", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				signal(a.census)
			}
		}
	}
}

// countWhile counts until no service wants to know any more.
func (a *Agent) countWhile(ctx context.Context) error {
	r, err := gateway.OpenReader(a.table)
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := gateway.NewCensus(r)
	if err != nil {
		return err
	}
	hearing, stop := context.WithCancel(ctx)
	heard := make(chan struct{})
	go func() { defer close(heard); c.Hear(hearing) }()
	defer func() { stop(); <-heard; c.Close() }()
	runtime.LockOSThread() // so that the thread's time is that of counting
	defer runtime.UnlockOSThread()
	var lost uint64
	for a.wantsCount.Load() {
		start, busy := time.Now(), threadTime()
		p, err := a.Picture()
		if err != nil {
			return err
		}
		flows, err := c.Count(ctx, p)
		if err != nil {
			return err
		}
		if n := c.Lost() - lost; n > 0 {
			lost += n
			a.log.Warn("events_lost", "events", n, "for", "lc and wlc")
		}
		select {
		case a.counts <- countedOf(flows):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(countPause(time.Since(start), threadTime()-busy)):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// countPause is how long counting rests, by how long it went on and what it took of a processor. Waiting
// for a processor that others keep busy costs nobody anything, and flows move on meanwhile.
func countPause(lasted, busy time.Duration) time.Duration {
	return max(countEvery-lasted, countSpare*busy)
}

// threadTime is the user and system time of the thread that asks.
func threadTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &u) // cannot fail on itself (getrusage(2))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// weigh gives services with lc and wlc the shares that live flows ask for.
func (a *Agent) weigh(ctx context.Context, flows counted) {
	now := time.Now()
	var touched []*tended
	for _, t := range a.tends.least {
		t.enter(flows)
		if !t.result.Next.IsZero() && !now.Before(t.result.Next.Add(-countEvery/10)) {
			touched = append(touched, t)
		}
	}
	a.rebalance(ctx, touched, now)
}

// enter enters the flows of a service's real servers.
func (t *tended) enter(flows counted) {
	for i := range t.input.Servers {
		in := &t.input.Servers[i]
		n := flows[gateway.FlowServer{Service: t.service.Name, To: in.Key}]
		in.Flows, in.Opened = n.Live, in.Opened+n.New
	}
}

// turn decides anew about services that change by themselves: slow start, and overrides that end.
func (a *Agent) turn(ctx context.Context, now time.Time) {
	touched := a.expire(now)
	for t := range a.tends.due {
		counts := t.service.Scheduler.ByFlows() && a.wantsCount.Load() // they come by themselves
		if !counts && !now.Before(t.result.Next) {
			touched = appendOnce(touched, t)
		}
	}
	a.rebalance(ctx, touched, now)
	a.turnUplinks(ctx, now)
}
