package store

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/policy"
)

// Followed is the policy that a node is to have.
type Followed struct {
	Pointer *fleet.Pointer
	Own     bool // it is the node's own target
	Files   []policy.Source
	Err     error // why there are no files: what stands in etcd is not what it should be
}

// Ears are who hears what happens to a follower. None may be nil.
type Ears struct {
	Changed func()                                           // there is another policy
	Fetched func(f *Followed, bytes int, took time.Duration) // it was fetched
	Bad     func(error)                                      // what stands in etcd is no policy
	Lost    func(error)                                      // etcd does not answer any more
	Found   func(endpoint string, after time.Duration)       // it does again
	Unkept  func(error)                                      // the policy could not be written to the disk
}

// Follower knows which policy a node is to have, as etcd has it or had it last. What happened meanwhile does
// not matter: it looks at what is.
type Follower struct {
	s     *Store
	node  string
	cache cache
	ears  Ears

	mu      sync.Mutex // over what follows
	current *Followed  // nil: none was seen
	looked  bool       // etcd has answered
	states  map[string]policy.NodeState

	known  map[string][]byte // chunks of the current policy
	texts  fleet.Texts       // and what they hold
	chosen string            // identity and place of the newest pointer that was looked at
	lost   time.Time         // since when etcd does not answer; zero: it does
}

// Follow returns a follower that begins with what it kept on disk before; an empty path keeps nothing.
func (s *Store) Follow(node, path string, ears Ears) *Follower {
	f := &Follower{s: s, node: node, cache: cache{path}, ears: ears}
	f.states = f.cache.states()
	if p, own, chunks, err := f.cache.read(); err == nil {
		if files, texts, err := p.Unpack(chunks, nil); err == nil {
			f.texts = texts
			f.take(&Followed{Pointer: p, Own: own, Files: files}, chunks)
		}
	}
	return f
}

// Current is the policy that the node is to have; nil: none is known.
func (f *Follower) Current() *Followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// States are the states that nodes have beside the policy, as etcd has them or had them last. They must not be
// changed.
func (f *Follower) States() map[string]policy.NodeState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.states
}

// told takes states, and tells whether they are others than before.
func (f *Follower) told(now map[string]policy.NodeState) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if maps.Equal(f.states, now) {
		return false
	}
	f.states = now
	return true
}

// Looked tells whether etcd has answered since the start: if there is no policy then, none was published.
func (f *Follower) Looked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

func (f *Follower) take(now *Followed, chunks [][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.known = now, map[string][]byte{}
	for i, c := range now.Pointer.Chunks {
		if i < len(chunks) {
			f.known[c.SHA256] = chunks[i]
		}
	}
}

// How a follower looks.
const (
	lookEvery = 10 * time.Second       // a watch that has become deaf is noticed then
	lookTime  = time.Minute            // for one look: slow lines
	deaf      = 2 * time.Second        // after which what the watch did not tell is not on its way any more
	restLeast = 250 * time.Millisecond // before etcd is asked again
	restMost  = 5 * time.Second
)

// Run follows until ctx is done.
func (f *Follower) Run(ctx context.Context) {
	rest := restLeast
	for ctx.Err() == nil {
		began := time.Now()
		revision, err := f.Look(ctx)
		if err == nil {
			err = f.watch(ctx, revision+1)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, etcd.ErrCompacted) {
			f.hearLost(err)
		}
		if time.Since(began) > restMost {
			rest = restLeast // it went well for a while
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest/2 + rand.N(rest)): // nodes do not all ask at once
		}
		rest = min(2*rest, restMost)
	}
}

// watch looks whenever something changes, and once in a while. It returns when it is better to begin anew.
func (f *Follower) watch(ctx context.Context, from int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	endpoint := f.s.c.Endpoint()
	go func() {
		ended <- f.s.c.Watch(ctx, from, f.asks(), func(int64) {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	tick := time.NewTicker(lookEvery + rand.N(lookEvery/4))
	defer tick.Stop()
	told := time.Now()
	for {
		anyway := false
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-changed:
			told = time.Now()
		case <-tick.C:
			anyway = true
		}
		before := f.chosen
		if _, err := f.Look(ctx); err != nil {
			return err
		}
		if f.s.c.Endpoint() != endpoint {
			return nil // the watch is with one that does not answer
		}
		if anyway && before != f.chosen && time.Since(told) > deaf {
			return nil // it did not tell
		}
	}
}

// asks is what Look reads and watch listens to: states of nodes, and behind them the policies of all and of this node.
func (f *Follower) asks() []etcd.Range {
	return append(f.s.states(), etcd.Range{Key: f.s.keys.Policy()}, etcd.Range{Key: f.s.keys.Target(f.node)})
}

// Look asks etcd which policy the node is to have, and fetches it if that is another one. It returns the
// revision of which that is true.
func (f *Follower) Look(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	got, revision, err := f.s.c.Get(ctx, f.asks()...)
	if err != nil {
		return 0, err
	}
	f.hearFound()
	states, got := f.s.statesOf(got), got[2:]
	if f.told(states) {
		if err := f.cache.keep(states); err != nil {
			f.ears.Unkept(err)
		}
		defer f.ears.Changed() // behind the policy, if that is another one, too
	}
	item, own := first(got[1]), true
	if item == nil {
		item, own = first(got[0]), false
	}
	defer f.sawAll()
	if item == nil {
		return revision, nil // nothing was published; or it was removed, which takes nothing from nodes
	}
	p, err := fleet.ParsePointer(item.Value)
	if err != nil {
		f.refuse(&fleet.Pointer{}, string(item.Value), own, err)
		return revision, nil
	}
	return revision, f.fetch(ctx, p, own)
}

func (f *Follower) sawAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = true
}

func first(items []etcd.Item) *etcd.Item {
	if len(items) == 0 {
		return nil
	}
	return &items[0]
}

// fetch makes a policy the one to have.
func (f *Follower) fetch(ctx context.Context, p *fleet.Pointer, own bool) error {
	began, now := time.Now(), f.Current()
	if now != nil && now.Err == nil && now.Pointer.ID == p.ID {
		f.chosen = p.ID
		if now.Own != own { // a canary has become the policy of all
			f.take(&Followed{Pointer: p, Own: own, Files: now.Files}, f.inOrder(p))
			f.keep(p, own, f.inOrder(p))
			f.ears.Changed()
		}
		return nil
	}
	chunks, fetched, err := f.s.Fetch(ctx, p, f.known)
	var bad *BadPolicyError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	var files []policy.Source
	var texts fleet.Texts
	if err == nil {
		files, texts, err = p.Unpack(chunks, f.texts)
	}
	if err != nil {
		f.refuse(p, p.ID, own, err)
		return nil
	}
	f.chosen, f.texts = p.ID, texts
	next := &Followed{Pointer: p, Own: own, Files: files}
	f.take(next, chunks)
	f.ears.Fetched(next, fetched, time.Since(began))
	f.ears.Changed()
	f.keep(p, own, chunks)
	return nil
}

// inOrder are the chunks of a policy that are known.
func (f *Follower) inOrder(p *fleet.Pointer) (out [][]byte) {
	for _, c := range p.Chunks {
		out = append(out, f.known[c.SHA256])
	}
	return out
}

// keep writes the policy to the disk.
func (f *Follower) keep(p *fleet.Pointer, own bool, chunks [][]byte) {
	if err := f.cache.write(p, own, chunks); err != nil {
		f.ears.Unkept(err)
	}
}

// refuse says that what stands in etcd is no policy. The one before stays where it is. It is said once.
func (f *Follower) refuse(p *fleet.Pointer, id string, own bool, err error) {
	if id == f.chosen {
		if now := f.Current(); now != nil && now.Err != nil {
			return
		}
	}
	f.chosen = id
	known := f.known
	f.take(&Followed{Pointer: p, Own: own, Err: err}, nil)
	f.known = known
	f.ears.Bad(err)
	f.ears.Changed()
}

func (f *Follower) hearLost(err error) {
	if f.lost.IsZero() {
		f.lost = time.Now()
		f.ears.Lost(err)
	}
}

func (f *Follower) hearFound() {
	if !f.lost.IsZero() {
		f.ears.Found(f.s.c.Endpoint(), time.Since(f.lost))
		f.lost = time.Time{}
	}
}
