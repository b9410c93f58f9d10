package nstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// ErrNoResilient is the error of a kernel, or an ip, without resilient next hop groups (Linux 5.13).
var ErrNoResilient = errors.New("no resilient next hop groups here")

// resilientTable is where the router's BIRD writes its routes, for resilient to carry over.
const resilientTable = 100

// resilient keeps the main table of a router as resilientTable is, with a resilient next hop group for each
// prefix: BIRD has no such groups, and routers that forward in hardware do this themselves ("consistent hashing").
// A group keeps its number while its members change, so that only the buckets of a member that goes move to others.
type resilient struct {
	router *Host
	stop   chan struct{}
	done   sync.WaitGroup

	hops   map[string]int // numbers of next hops, by address
	groups map[string]int // of groups, by prefix
	now    map[string]string
}

// A bucket that no packet used for this many seconds may move to a member that has too few. Buckets are many, so that
// most have no connection.
const resilientForm = "type resilient buckets 1024 idle_timer 2"

func newResilient(router *Host) (*resilient, error) {
	ctx := context.Background()
	for _, c := range []string{"id 1 blackhole", "id 2 group 1 " + resilientForm} {
		r, err := router.Run(ctx, "ip", append([]string{"nexthop", "add"}, strings.Fields(c)...)...)
		if err != nil {
			return nil, err
		}
		if r.Code != 0 && !strings.Contains(c, "blackhole") {
			return nil, fmt.Errorf("%w: %s", ErrNoResilient, r.Stderr)
		}
	}
	r := &resilient{router: router, stop: make(chan struct{}), hops: make(map[string]int), groups: make(map[string]int), now: make(map[string]string)}
	changes := make(chan netlink.RouteUpdate, 1000)
	if err := netlink.RouteSubscribeAt(router.ns, changes, r.stop); err != nil {
		return nil, err
	}
	r.done.Add(1)
	go func() {
		defer r.done.Done()
		r.follow(ctx, changes)
	}()
	return r, nil
}

// follow carries over until close. What it could not do it tries again a little later.
func (r *resilient) follow(ctx context.Context, changes <-chan netlink.RouteUpdate) {
	for {
		select {
		case <-r.stop:
			return
		case u := <-changes:
			if u.Table != resilientTable {
				continue
			}
		case <-time.After(time.Second):
		}
		r.carry(ctx)
	}
}

// carry brings the main table to what the other one has.
func (r *resilient) carry(ctx context.Context) {
	want := make(map[string]string)
	var script strings.Builder
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := r.router.nl.RouteListFiltered(family, &netlink.Route{Table: resilientTable}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return
		}
		for _, t := range routes {
			want[t.Dst.String()] += r.members(&script, t)
		}
	}
	for prefix, members := range want {
		if r.now[prefix] == members {
			continue
		}
		if r.groups[prefix] == 0 {
			r.groups[prefix] = 1000 + len(r.groups)
		}
		g := r.groups[prefix]
		fmt.Fprintf(&script, "nexthop replace id %d group %s %s\n", g, strings.TrimPrefix(members, "/"), resilientForm)
		if r.now[prefix] == "" {
			fmt.Fprintf(&script, "route replace %s nhid %d\n", prefix, g)
		}
	}
	for prefix := range r.now {
		if want[prefix] == "" {
			fmt.Fprintf(&script, "route del %s\n", prefix)
		}
	}
	if script.Len() == 0 {
		return
	}
	if res, err := r.router.RunInput(ctx, script.String(), "ip", "-batch", "-"); err == nil && res.Code == 0 {
		r.now = want
	}
}

// members returns the numbers of a route's next hops, each behind a slash, and adds those that are new.
func (r *resilient) members(script *strings.Builder, t netlink.Route) (out string) {
	for _, gw := range hopsOf(t) {
		if gw == nil {
			continue
		}
		if r.hops[gw.String()] == 0 {
			r.hops[gw.String()] = 10 + len(r.hops)
			fmt.Fprintf(script, "nexthop replace id %d via %s dev core\n", r.hops[gw.String()], gw)
		}
		out += fmt.Sprintf("/%d", r.hops[gw.String()])
	}
	return out
}

func (r *resilient) close() {
	close(r.stop)
	r.done.Wait()
}
