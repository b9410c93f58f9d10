// Package store keeps what a fleet shares in etcd: it publishes policies, follows them for a node, reports
// what the node runs, and lists what all of them do. What these things are, package fleet says.
//
// A policy is published in two steps: its chunks under their sums, then in one transaction the pointer that
// names them, on the condition that nobody else has published since and that the chunks are still there. So a
// node sees the policy before or the one after, whatever happens to publisher and etcd in between.
package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
)

// Store is one fleet's in etcd.
type Store struct {
	c    *etcd.Client
	keys fleet.Keys
}

// Of returns the fleet whose keys stand below a prefix.
func Of(c *etcd.Client, keys fleet.Keys) *Store { return &Store{c, keys} }

// Standing is what a fleet is to run at one moment.
type Standing struct {
	Policy  *fleet.Pointer            // nil: nothing was published yet
	Targets map[string]*fleet.Pointer // of nodes that have their own: a canary is under way

	modified int64 // revision of the pointer; 0: there is none
}

// Standing reads it.
func (s *Store) Standing(ctx context.Context) (*Standing, error) {
	got, _, err := s.c.Get(ctx, s.standing()...)
	if err != nil {
		return nil, err
	}
	return s.read(got)
}

// standing asks for what read reads.
func (s *Store) standing() []etcd.Range {
	return []etcd.Range{{Key: s.keys.Policy()}, etcd.All(s.keys.Targets())}
}

func (s *Store) read(got [][]etcd.Item) (*Standing, error) {
	st := &Standing{Targets: map[string]*fleet.Pointer{}}
	for _, i := range got[0] {
		p, err := fleet.ParsePointer(i.Value)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", i.Key, err)
		}
		st.Policy, st.modified = p, i.Modified
	}
	for _, i := range got[1] {
		node, err := fleet.Named(string(i.Key), s.keys.Targets())
		if err != nil {
			continue // no node follows it
		}
		p, err := fleet.ParsePointer(i.Value)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", i.Key, err)
		}
		st.Targets[node] = p
	}
	return st, nil
}

// For is what a node is to run; nil: nothing was published yet. It tells whether that is the node's own.
func (st *Standing) For(node string) (p *fleet.Pointer, own bool) {
	if p, own = st.Targets[node]; own {
		return p, true
	}
	return st.Policy, false
}

// Reports reads what nodes report: those that are named, or all. What cannot be read is an error that comes
// beside the others.
func (s *Store) Reports(ctx context.Context, nodes ...string) (map[string]fleet.Report, error) {
	var ask []etcd.Range
	for _, n := range nodes {
		ask = append(ask, etcd.Range{Key: s.keys.Node(n)})
	}
	if nodes == nil {
		ask = append(ask, etcd.All(s.keys.Nodes()))
	}
	got, _, err := s.c.Get(ctx, ask...)
	if err != nil {
		return nil, err
	}
	all := map[string]fleet.Report{}
	var bad []error
	for _, items := range got {
		for _, i := range items {
			node, err := fleet.Named(string(i.Key), s.keys.Nodes())
			if err != nil {
				continue
			}
			r, err := fleet.ParseReport(node, i.Value)
			if err != nil {
				bad = append(bad, err)
				r.Error = "its report cannot be read"
			}
			all[node] = r
		}
	}
	return all, errors.Join(bad...)
}
