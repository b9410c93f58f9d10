package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Etcd is the policy that a fleet publishes in etcd, for one node. What it had last it keeps on disk, and
// gives out while etcd does not answer.
type Etcd struct {
	name    string // of the whole: etcd: and the prefix
	node    string
	s       *store.Store
	f       *store.Follower
	changed chan struct{} // holds one
}

// Follow returns the source of a node. Run follows it.
func Follow(s *store.Store, keys fleet.Keys, node, stateDir string, log *slog.Logger) *Etcd {
	e := &Etcd{name: policy.Stored + keys.Prefix(), node: node, s: s, changed: make(chan struct{}, 1)}
	sum := sha256.Sum256([]byte(keys.Prefix() + "\x00" + node))
	e.f = s.Follow(node, filepath.Join(stateDir, "etcd", hex.EncodeToString(sum[:16])+".policy"), store.Ears{
		Changed: func() {
			select {
			case e.changed <- struct{}{}:
			default: // it will be read anyway
			}
		},
		Fetched: func(f *store.Followed, bytes int, took time.Duration) {
			log.Info("policy_fetched", "number", f.Pointer.Number, "policy", f.Pointer.Hash, "by", f.Pointer.User, "canary", f.Own, "bytes", bytes, "took", took.Round(time.Millisecond))
		},
		Bad:  func(err error) { log.Error("policy_unusable", "error", err) },
		Lost: func(err error) { log.Warn("etcd_lost", "error", err) },
		Found: func(at string, after time.Duration) {
			log.Info("etcd_found", "endpoint", at, "after", after.Round(time.Millisecond))
		},
		Unkept: func(err error) { log.Error("policy_unkept", "error", err) },
	})
	return e
}

// Run follows the policy until ctx is done.
func (e *Etcd) Run(ctx context.Context) { e.f.Run(ctx) }

// Has tells whether a policy is there to be loaded, be it the one that was kept.
func (e *Etcd) Has() bool { return e.f.Current() != nil }

// Looked tells whether etcd has answered since the start.
func (e *Etcd) Looked() bool { return e.f.Looked() }

// Paths returns the one name of the source.
func (e *Etcd) Paths() []string { return []string{e.name} }

// Load reads the policy as it was fetched last.
func (e *Etcd) Load() (*policy.Policy, []policy.Source, policy.Diagnostics) {
	now := e.f.Current()
	switch {
	case now == nil && e.f.Looked():
		return nil, nil, e.unreadable("nothing is published there yet: `snatctl publish` does it")
	case now == nil:
		return nil, nil, e.unreadable("etcd does not answer, and no policy is kept on this machine")
	case now.Err != nil:
		return nil, nil, e.unreadable(fmt.Sprintf("what is published there cannot be used: %v", now.Err))
	}
	srcs := make([]policy.Source, len(now.Files))
	for i, f := range now.Files {
		srcs[i] = policy.Source{Name: e.name + "/" + f.Name, Data: f.Data}
	}
	p, ds := read.Parse(srcs)
	if p != nil {
		p.Tell(e.f.States())
	}
	return p, srcs, ds
}

func (e *Etcd) unreadable(why string) policy.Diagnostics {
	return policy.Diagnostics{{Pos: policy.Pos{File: e.name}, Severity: policy.Error, Code: "F01", Msg: "cannot read the policy: " + why}}
}

// Watch calls changed whenever there is another policy, until ctx is done.
func (e *Etcd) Watch(ctx context.Context, changed func()) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.changed:
			changed()
		}
	}
}

// Modified returns when the policy was published.
func (e *Etcd) Modified() time.Time {
	if now := e.f.Current(); now != nil {
		return now.Pointer.Time
	}
	return time.Time{}
}

// Report reports what a node runs until ctx is done: all that now returns, but for what of it only the source
// knows. newest is the hash of the policy that the rest is about.
func (e *Etcd) Report(ctx context.Context, now func() (r fleet.Report, newest string), log *slog.Logger) {
	e.s.Report(ctx, e.node, func() fleet.Report {
		r, newest := now()
		r.Node = e.node
		if f := e.f.Current(); f != nil && f.Pointer.Hash == newest {
			r.Number, r.ID, r.Canary = f.Pointer.Number, f.Pointer.ID, f.Own
		}
		return r
	}, func(err error) {
		if err != nil {
			log.Warn("report_unsent", "error", err)
		} else {
			log.Info("report_sent")
		}
	})
}
