package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
)

// How a node reports.
const (
	reportLife  = 15 * time.Second // after which a node that has died is not listed any more
	reportEvery = 250 * time.Millisecond
	reportLast  = 2 * time.Second // for taking the report back at the end
)

// reporter reports for one node.
type reporter struct {
	s     *Store
	node  string
	lease int64 // 0: there is none
	sent  []byte
	alive time.Time // when the lease was kept alive last
}

// Report reports what now returns, whenever that changes, until ctx is done, and takes it back then. tell
// hears of the first failure of a row, and nil when it works again.
func (s *Store) Report(ctx context.Context, node string, now func() fleet.Report, tell func(error)) {
	r := &reporter{s: s, node: node}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	failing, rest := false, time.Duration(0)
	for {
		err := r.report(ctx, now().Bytes())
		if ctx.Err() != nil {
			r.end(ctx)
			return
		}
		if failing != (err != nil) {
			failing = err != nil
			tell(err)
		}
		rest = 0
		if err != nil {
			rest = 2 * time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}
}

// report brings etcd to what is to be reported.
func (r *reporter) report(ctx context.Context, text []byte) (err error) {
	if r.lease != 0 && time.Since(r.alive) > reportLife/3 {
		switch err := r.s.c.KeepAlive(ctx, r.lease); {
		case errors.Is(err, etcd.ErrExpired):
			r.lease = 0
		case err != nil:
			return err
		default:
			r.alive = time.Now()
		}
	}
	if r.lease == 0 {
		if r.lease, err = r.s.c.Grant(ctx, reportLife); err != nil {
			return err
		}
		r.alive, r.sent = time.Now(), nil
	}
	if bytes.Equal(text, r.sent) {
		return nil
	}
	_, err = r.s.c.Do(ctx, etcd.Txn{Then: []etcd.Op{{Put: &etcd.Put{Key: r.s.keys.Node(r.node), Value: text, Lease: r.lease}}}})
	var refused *etcd.RefusedError
	if errors.As(err, &refused) && strings.Contains(refused.Text, "lease not found") {
		r.lease = 0
	}
	if err == nil {
		r.sent = text
	}
	return err
}

// end takes the report back, so that nobody takes the node for alive.
func (r *reporter) end(ctx context.Context) {
	if r.lease == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLast)
	defer cancel()
	_ = r.s.c.Revoke(ctx, r.lease) // if not, etcd does it
}
