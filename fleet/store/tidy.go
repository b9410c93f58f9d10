package store

import (
	"context"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
)

// Past lists the policies of the history, the newest first.
func (s *Store) Past(ctx context.Context) (all []*fleet.Pointer, err error) {
	got, _, err := s.c.Get(ctx, etcd.All(s.keys.History()))
	if err != nil {
		return nil, err
	}
	for i := len(got[0]) - 1; i >= 0; i-- { // in the order of their keys
		p, err := fleet.ParsePointer(got[0][i].Value)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", got[0][i].Key, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// Tidy drops what the history has too many, and has etcd remove chunks that no policy of it needs once a grace
// is over: nodes on slow lines may still fetch them. Where somebody publishes at the same time, nothing is
// removed: that publisher tidies up.
func (s *Store) Tidy(ctx context.Context, grace time.Duration) error {
	st, err := s.Standing(ctx)
	if err != nil || len(st.Targets) > 0 {
		return err
	}
	past, err := s.Past(ctx)
	if err != nil {
		return err
	}
	there, err := s.chunks(ctx)
	if err != nil {
		return err
	}
	var ops []etcd.Op
	for _, p := range past[min(len(past), fleet.Kept):] {
		ops = append(ops, etcd.Op{Delete: &etcd.Range{Key: s.keys.Past(p.Number)}})
	}
	needed := fleet.Needed(append(past[:min(len(past), fleet.Kept)], st.Policy)...)
	var lease int64
	for sum, item := range there {
		if needed[sum] || item.Lease != 0 {
			continue
		}
		if lease == 0 {
			if lease, err = s.c.Grant(ctx, grace); err != nil {
				return err
			}
		}
		ops = append(ops, etcd.Op{Put: &etcd.Put{Key: s.keys.Chunk(sum), Keep: true, Lease: lease}})
	}
	return s.remove(ctx, st, ops)
}

// remove carries operations out as long as nobody publishes.
func (s *Store) remove(ctx context.Context, st *Standing, ops []etcd.Op) error {
	const most = 100 // operations of a transaction
	begins := s.keys.Targets()
	for len(ops) > 0 {
		n := min(len(ops), most)
		out, err := s.c.Do(ctx, etcd.Txn{Then: ops[:n], If: []etcd.Compare{
			{Key: s.keys.Policy(), Target: etcd.Modified, Is: st.modified},
			{Key: begins, End: etcd.After(begins), Target: etcd.Created},
		}})
		if err != nil || !out.Held {
			return err
		}
		ops = ops[n:]
	}
	return nil
}
