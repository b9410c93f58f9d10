package routelink

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// Apply carries out a plan for a policy's table, and returns what it did: what should go and is
// gone already it leaves out. After an error it has taken back what it did, unless that is an
// UndoError.
func (c *Conn) Apply(ctx context.Context, table string, p route.Plan) (done route.Plan, err error) {
	done, err = c.carry(ctx, table, p)
	if err == nil {
		return done, nil
	}
	if back := c.Undo(ctx, table, done); back != nil {
		return nil, errors.Join(err, back)
	}
	return nil, err
}

// Undo takes back what Apply did. The error is an UndoError.
func (c *Conn) Undo(ctx context.Context, table string, done route.Plan) error {
	if _, err := c.carry(context.WithoutCancel(ctx), table, done.Inverse()); err != nil {
		return &UndoError{err}
	}
	return nil
}

// UndoError says that routes or addresses could not be taken back.
type UndoError struct{ Err error }

// Error says so.
func (e *UndoError) Error() string {
	return fmt.Sprintf("routes or addresses COULD NOT BE TAKEN BACK: %v; apply again, or see `ip route show table all proto %d` and `ip rule`", e.Err, route.Protocol)
}

// Unwrap returns the reason.
func (e *UndoError) Unwrap() error { return e.Err }

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
		if alone(p[0]) {
			switch err := c.one(p[0], m, at); {
			case err == nil:
				done = append(done, p[0])
			case !p[0].Remove || !gone(err):
				return done, fmt.Errorf("%s: %w", p[0], err)
			}
			p = p[1:]
			continue
		}
		n := 0
		for n < len(p) && n < batchSize && !alone(p[n]) {
			n++
		}
		results, err := c.send(p[:n], m, at)
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
		p = p[n:]
	}
	return done, nil
}

// alone tells whether a step does not go to the kernel together with others.
func alone(o route.Op) bool {
	switch o.Thing.(type) {
	case route.Proxying, route.Loose, route.Way, route.Rule:
		return true
	}
	return false
}

// one carries out one such step.
func (c *Conn) one(o route.Op, m uint32, at indexes) error {
	switch t := o.Thing.(type) {
	case route.Proxying:
		return proxying(t, o.Remove)
	case route.Loose:
		return loosen(t, o.Remove)
	case route.Way:
		return c.way(o, t, m, at)
	case route.Rule:
		return c.rule(t, o.Remove)
	}
	return nil
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
		case route.Way:
			if t.Interface != "" {
				err = find(t.Interface, !o.Remove)
			}
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
	err := setSysctl(proxyNDP(string(s)), value)
	if err != nil {
		return fmt.Errorf("set net.ipv6.conf.%s.proxy_ndp to %s: %w", string(s), value, err)
	}
	return nil
}
