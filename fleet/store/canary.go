package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
)

// MostCanaries is how many nodes a canary may have: a transaction takes 128 operations.
const MostCanaries = 100

// mostTargets bounds the bytes of their keys: etcd takes requests of 1.5 MiB.
const mostTargets = 1 << 20

// How a canary is kept and looked at.
const (
	canaryLife  = 30 * time.Second // after which nodes take it back by themselves, if the publisher has died
	canaryEvery = 250 * time.Millisecond
	backTime    = 15 * time.Second // for nodes to go back
)

// FailedError says why a canary was taken back.
type FailedError struct {
	Why     string
	Left    []string // nodes that had not gone back when it was given up to wait for them
	Expires bool     // it could not be taken back: etcd does that within canaryLife
}

// Error says it.
func (e *FailedError) Error() string {
	switch text := "the canary has failed: " + e.Why; {
	case e.Expires:
		return text + fmt.Sprintf("; etcd could not be told, and takes it back by itself within %v", canaryLife)
	case len(e.Left) > 0:
		return text + "; it was taken back, and these nodes have not gone back yet: " + list(e.Left)
	default:
		return text + "; it was taken back"
	}
}

// Canary gives the policy to some nodes, and watches them for some time. It fails, with a FailedError once the
// nodes have had it, if they do not apply it or if services lose their quorum. The policy is taken back then,
// also where ctx is done; and should this process die, etcd takes it back. It ends early only where it fails.
func (b *Publication) Canary(ctx context.Context, nodes []string, wait time.Duration, tell func(string)) error {
	if len(nodes) == 0 || len(nodes) > MostCanaries || len(nodes)*len(b.Pointer.Bytes()) > mostTargets {
		return fmt.Errorf("a canary is 1 to %d nodes, fewer for a policy of many files, and these are %d", MostCanaries, len(nodes))
	}
	before, err := b.s.Reports(ctx, nodes...)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if _, ok := before[n]; !ok {
			return fmt.Errorf("node %s does not report, so it can be no canary (`snatctl nodes` lists those that do)", n)
		}
	}
	if err := b.try(ctx, nodes); err != nil {
		return err
	}
	tell(fmt.Sprintf("policy %d is on %s; the others follow in %v", b.Pointer.Number, list(nodes), wait))
	living, stop := context.WithCancel(context.WithoutCancel(ctx))
	alive := make(chan struct{})
	go func() { defer close(alive); b.live(living) }()
	why := b.observe(ctx, &fleet.Canary{Nodes: nodes, Before: before, Policy: b.Pointer}, wait)
	if why == "" {
		if err := b.Publish(ctx); err == nil {
			stop()
			<-alive
			_ = b.s.c.Revoke(context.WithoutCancel(ctx), b.lease) // it holds nothing any more
			return nil
		} else {
			why = err.Error()
		}
	}
	stop()
	<-alive
	return b.back(context.WithoutCancel(ctx), nodes, why)
}

// try gives the policy to the nodes, for as long as this process lives.
func (b *Publication) try(ctx context.Context, nodes []string) error {
	lease, err := b.s.c.Grant(ctx, canaryLife)
	if err != nil {
		return err
	}
	var t etcd.Txn
	for _, n := range nodes {
		t.Then = append(t.Then, etcd.Op{Put: &etcd.Put{Key: b.s.keys.Target(n), Value: b.Pointer.Bytes(), Lease: lease}})
	}
	if err := b.commit(ctx, t); err != nil {
		_ = b.s.c.Revoke(context.WithoutCancel(ctx), lease)
		return err
	}
	b.lease = lease
	return nil
}

// live keeps the lease alive.
func (b *Publication) live(ctx context.Context) {
	tick := time.NewTicker(canaryLife / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = b.s.c.KeepAlive(ctx, b.lease) // if it is dead, Publish finds out
		}
	}
}

// observe returns why the canary has failed; empty: it has not.
func (b *Publication) observe(ctx context.Context, c *fleet.Canary, wait time.Duration) string {
	end := time.Now().Add(wait)
	tick := time.NewTicker(canaryEvery)
	defer tick.Stop()
	var lost error
	for {
		reports, err := b.s.Reports(ctx, c.Nodes...)
		lost = err
		if reports != nil {
			v := c.Judge(reports)
			switch over := !time.Now().Before(end); {
			case v.Failed != "":
				return v.Failed
			case over && len(v.Waiting) > 0:
				return fmt.Sprintf("within %v, %s", wait, strings.Join(v.Waiting, ", "))
			case over:
				return ""
			}
		}
		if lost != nil && time.Now().After(end) {
			return lost.Error()
		}
		select {
		case <-ctx.Done():
			return "it was interrupted"
		case <-tick.C:
		}
	}
}

// back takes the policy from the nodes, and waits for them to go back.
func (b *Publication) back(ctx context.Context, nodes []string, why string) error {
	err := b.s.c.Revoke(ctx, b.lease)
	var refused *etcd.RefusedError
	if err != nil && !(errors.As(err, &refused) && strings.Contains(refused.Text, "not found")) {
		return &FailedError{Why: why, Expires: true}
	}
	ctx, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	failed := &FailedError{Why: why}
	for {
		st, err := b.s.Standing(ctx)
		reports, more := b.s.Reports(ctx, nodes...)
		if failed.Left = slices.Clone(nodes); errors.Join(err, more) == nil {
			failed.Left = slices.DeleteFunc(failed.Left, func(n string) bool {
				r := reports[n]
				return r.Stands(st.Policy) == fleet.Current
			})
		}
		if len(failed.Left) == 0 {
			return failed
		}
		select {
		case <-ctx.Done():
			return failed
		case <-time.After(canaryEvery):
		}
	}
}
