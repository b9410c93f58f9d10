package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/lab"
)

// sizes are how large the jobs are, and how many connections a round has.
type sizes struct {
	services, tcp, zones []int
	flows, connects      int
}

var (
	full  = sizes{services: []int{10, 100, 1000, 5000}, tcp: []int{1000, 5000}, zones: []int{1, 10, 100, 1000, 5000}, flows: 10000, connects: 3000}
	small = sizes{services: []int{10, 100}, tcp: []int{100}, zones: []int{1, 100}, flows: 2000, connects: 1000}
)

// part is a group of measurements that can be repeated alone.
type part struct {
	name, what string
	run        func(*comparison, context.Context) error
}

func (p part) called() string { return p.name }

var parts = []part{
	{"services", "services: loading, one change, new UDP flows", (*comparison).services},
	{"tcp", "services: TCP connections", (*comparison).tcp},
	{"zones", "zones: loading, new UDP flows and TCP connections", (*comparison).zones},
	{"ipvs", "IPVS, in a virtual machine", (*comparison).ipvs},
}

// services measures loading, a change and new flows for services of udp/80.
func (c *comparison) services(ctx context.Context) error {
	for _, n := range c.sizes.services {
		j := job{services: n, proto: "udp"}
		err := c.with(ctx, j, func(sites []*site) error {
			spread := race{"udp spread", lab.ServiceFlows(n, c.sizes.flows), (*lab.Gateway).Datagrams, "--dst-nat"}
			last := race{"udp last", lab.LastServiceFlows(n, c.sizes.flows), (*lab.Gateway).Datagrams, "--dst-nat"}
			return c.races(ctx, sites, j, spread, last)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tcp measures connections and streams for services of tcp/80.
func (c *comparison) tcp(ctx context.Context) error {
	for _, n := range c.sizes.tcp {
		j := job{services: n, proto: "tcp"}
		err := c.with(ctx, j, func(sites []*site) error {
			spread := race{"tcp spread", lab.ServiceFlows(n, c.sizes.connects), (*lab.Gateway).Connects, "--dst-nat"}
			last := race{"tcp last", lab.LastServiceFlows(n, c.sizes.connects), (*lab.Gateway).Connects, "--dst-nat"}
			if err := c.races(ctx, sites, j, spread, last); err != nil {
				return err
			}
			return c.streams(ctx, sites, j)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// zones measures outgoing NAT: what the authors of lvs-snat compared with iptables.
func (c *comparison) zones(ctx context.Context) error {
	for _, n := range c.sizes.zones {
		j := job{zones: n}
		err := c.with(ctx, j, func(sites []*site) error {
			return c.races(ctx, sites, j,
				race{"udp spread", lab.ZoneFlows(n, c.sizes.flows), (*lab.Gateway).Datagrams, "--src-nat"},
				race{"udp last", lab.LastZoneFlows(n, c.sizes.flows), (*lab.Gateway).Datagrams, "--src-nat"},
				race{"tcp spread", lab.ZoneFlows(n, c.sizes.connects), (*lab.Gateway).Connects, "--src-nat"},
				race{"tcp last", lab.LastZoneFlows(n, c.sizes.connects), (*lab.Gateway).Connects, "--src-nat"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) races(ctx context.Context, sites []*site, j job, races ...race) error {
	for _, r := range races {
		c.say("    %s", r.measure)
		if err := c.race(ctx, sites, j, r); err != nil {
			return err
		}
	}
	return nil
}

// with builds a gateway for each contender that can do the job, loads it, and calls f with
// those that could.
func (c *comparison) with(ctx context.Context, j job, f func([]*site) error) error {
	kind := "zones"
	if j.services > 0 {
		kind = j.proto + " services"
	}
	c.say("  %d %s", j.size(), kind)
	var sites []*site
	defer func() {
		for _, s := range sites {
			s.Close()
		}
	}()
	for _, x := range c.contenders {
		switch why := x.missing(); {
		case x.most(j) == 0:
			continue
		case why != "":
			c.skip(x, j, why)
			continue
		case j.size() > x.most(j):
			c.skip(x, j, fmt.Sprintf("more than %d: takes too long to load", x.most(j)))
			continue
		}
		s, err := newSite(ctx, x, c.dir)
		if s != nil {
			sites = append(sites, s)
		}
		if err != nil {
			return err
		}
	}
	loaded, err := c.loads(ctx, sites, j)
	if err != nil {
		return err
	}
	return f(loaded)
}
