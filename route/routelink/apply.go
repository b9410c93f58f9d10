package routelink

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// Apply carries out a plan for a policy's table. After an error it has taken back what it did.
// What should go and is gone already is no error.
func (c *Conn) Apply(ctx context.Context, table string, p route.Plan) error {
	done, err := c.carry(ctx, table, p)
	if err == nil {
		return nil
	}
	if _, back := c.carry(context.WithoutCancel(ctx), table, done.Inverse()); back != nil {
		return errors.Join(err, fmt.Errorf("taking back what was done before that failed: %w", back))
	}
	return err
}

// carry carries out a plan until a step fails, and returns the steps that were done.
func (c *Conn) carry(ctx context.Context, table string, p route.Plan) (done route.Plan, err error) {
	at, err := indexesOf(p)
	if err != nil {
		return nil, err
	}
	m := route.Metric(table)
	for len(p) > 0 {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		if s, ok := p[0].Thing.(route.Proxying); ok {
			if err := proxying(s, p[0].Remove); err != nil {
				return done, err
			}
			done, p = append(done, p[0]), p[1:]
			continue
		}
		var reqs []request
		for _, o := range p {
			if _, other := o.Thing.(route.Proxying); other || len(reqs) == batchSize {
				break
			}
			reqs = append(reqs, encode(o, m, at))
		}
		results, err := c.send(reqs)
		if err != nil {
			return done, err
		}
		var failed error
		for i, err := range results {
			switch {
			case err == nil:
				done = append(done, p[i])
			case p[i].Remove && gone(err):
			case failed == nil:
				failed = fmt.Errorf("%s: %w", p[i], err)
			}
		}
		if failed != nil {
			return done, failed
		}
		p = p[len(reqs):]
	}
	return done, nil
}

// gone tells whether the kernel did not find what it should remove.
func gone(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV)
}

// indexesOf finds the interfaces of a plan. One that has gone has taken what was on it with
// it, so nothing is looked for in its place.
func indexesOf(p route.Plan) (indexes, error) {
	at := indexes{}
	find := func(name string, must bool) error {
		if _, known := at[name]; known {
			return nil
		}
		l, err := netlink.LinkByName(name)
		var none netlink.LinkNotFoundError
		switch {
		case err == nil:
			at[name] = l.Attrs().Index
		case must || !errors.As(err, &none):
			return fmt.Errorf("interface %s: %w", name, err)
		}
		return nil
	}
	if err := find("lo", true); err != nil {
		return nil, err
	}
	for _, o := range p {
		var err error
		switch t := o.Thing.(type) {
		case route.Address:
			err = find(t.Interface, !o.Remove)
		case route.Neighbour:
			err = find(t.Interface, !o.Remove)
		}
		if err != nil {
			return nil, err
		}
	}
	return at, nil
}

// proxying switches proxy_ndp on, or off where that takes back a step.
func proxying(s route.Proxying, off bool) error {
	value := "1"
	if off {
		value = "0"
	}
	err := os.WriteFile(proxyNDP(string(s)), []byte(value), 0)
	if err != nil {
		return fmt.Errorf("set net.ipv6.conf.%s.proxy_ndp to %s: %w", string(s), value, err)
	}
	return nil
}
