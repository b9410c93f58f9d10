package store

import (
	"context"
	"errors"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/policy"
)

// A node is drained in two steps, so that nobody withdraws VIPs before the others know what to do with the
// packets. First the others are told to send it what they do not know (chance/NODE): for them it is as in
// `state: return`. Then it is drained (drain/NODE). The second chance stands on a lease, so that it ends by itself; a
// node without it is out: it stays without VIPs until somebody undrains it.

// ErrNotDrained says that a node is not drained.
var ErrNotDrained = errors.New("it is not drained")

// states asks for what statesOf reads.
func (s *Store) states() []etcd.Range {
	return []etcd.Range{etcd.All(s.keys.Drains()), etcd.All(s.keys.Chances())}
}

// statesOf tells which states nodes have beside the policy.
func (s *Store) statesOf(got [][]etcd.Item) map[string]policy.NodeState {
	out := map[string]policy.NodeState{}
	for _, i := range got[0] {
		if node, err := fleet.Named(string(i.Key), s.keys.Drains()); err == nil {
			out[node] = policy.NodeOut
		}
	}
	for _, i := range got[1] {
		node, err := fleet.Named(string(i.Key), s.keys.Chances())
		switch {
		case err != nil:
		case out[node] == policy.NodeOut:
			out[node] = policy.NodeDrain
		default:
			out[node] = policy.NodeReturn
		}
	}
	return out
}

// NodeStates reads the states that nodes have beside the policy.
func (s *Store) NodeStates(ctx context.Context) (map[string]policy.NodeState, error) {
	got, _, err := s.c.Get(ctx, s.states()...)
	if err != nil {
		return nil, err
	}
	return s.statesOf(got), nil
}

// GiveChance has the others send the node what they do not know, for a time.
func (s *Store) GiveChance(ctx context.Context, node, user string, span time.Duration) error {
	lease, err := s.c.Grant(ctx, span)
	if err != nil {
		return err
	}
	_, err = s.c.Do(ctx, etcd.Txn{Then: []etcd.Op{{Put: &etcd.Put{Key: s.keys.Chance(node), Value: []byte(user), Lease: lease}}}})
	return err
}

// EndChance ends that before its time.
func (s *Store) EndChance(ctx context.Context, node string) error {
	_, err := s.c.Do(ctx, etcd.Txn{Then: []etcd.Op{{Delete: &etcd.Range{Key: s.keys.Chance(node)}}}})
	return err
}

// Drain takes the VIPs from a node, until Undrain.
func (s *Store) Drain(ctx context.Context, node, user string) error {
	_, err := s.c.Do(ctx, etcd.Txn{Then: []etcd.Op{{Put: &etcd.Put{Key: s.keys.Drain(node), Value: []byte(user)}}}})
	return err
}

// Undrain gives a node its VIPs back. The others send it for another time what they do not know: routers may
// have its connections elsewhere. The error is ErrNotDrained where Drain did not take them.
func (s *Store) Undrain(ctx context.Context, node, user string, span time.Duration) error {
	lease, err := s.c.Grant(ctx, span)
	if err != nil {
		return err
	}
	key := s.keys.Drain(node)
	out, err := s.c.Do(ctx, etcd.Txn{
		If: []etcd.Compare{{Key: key, Target: etcd.Created}},
		Else: []etcd.Op{
			{Delete: &etcd.Range{Key: key}},
			{Put: &etcd.Put{Key: s.keys.Chance(node), Value: []byte(user), Lease: lease}},
		},
	})
	if err == nil && out.Held {
		err = errors.Join(ErrNotDrained, s.c.Revoke(ctx, lease))
	}
	return err
}
