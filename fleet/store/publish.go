package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/policy"
)

// Publication is a policy on its way to a fleet.
type Publication struct {
	Pointer *fleet.Pointer
	Before  *fleet.Pointer // what the fleet follows until then; nil: nothing
	Sent    int            // bytes of the chunks that were not there yet

	s      *Store
	chunks [][]byte
	seen   int64            // revision of the pointer that Before is
	stand  map[string]int64 // revisions of the chunks, by their sums
	lease  int64            // under which some nodes have it as their own target; 0: none have
}

// OvertakenError says that somebody else published at the same time.
type OvertakenError struct{ By *fleet.Pointer }

// Error says who.
func (e *OvertakenError) Error() string {
	if e.By == nil {
		return "somebody removed the policy of the fleet meanwhile"
	}
	return fmt.Sprintf("%s has published policy %d meanwhile", e.By.User, e.By.Number)
}

// CanaryError says that a canary is under way, whose end comes first.
type CanaryError struct {
	Nodes []string
	By    *fleet.Pointer
}

// Error says whose.
func (e *CanaryError) Error() string {
	return fmt.Sprintf("%s tries policy %d on %s just now: wait until that has ended", e.By.User, e.By.Number, list(e.Nodes))
}

// Prepare sends the chunks of a policy. No node takes notice of them.
func (s *Store) Prepare(ctx context.Context, files []policy.Source, user string, now time.Time) (*Publication, error) {
	p, chunks, err := fleet.Pack(files)
	if err != nil {
		return nil, err
	}
	st, err := s.Standing(ctx)
	if err != nil {
		return nil, err
	}
	if err := st.free(); err != nil {
		return nil, err
	}
	past, err := s.Past(ctx)
	if err != nil {
		return nil, err
	}
	past = append(past, &fleet.Pointer{})
	p.ID, p.Number, p.Time, p.User = rand.Text(), past[0].Number+1, now.UTC().Round(time.Millisecond), user
	if st.Policy != nil {
		p.Number = max(p.Number, st.Policy.Number+1)
	}
	b := &Publication{Pointer: p, Before: st.Policy, s: s, chunks: chunks, seen: st.modified}
	if p.Same(st.Policy) {
		return b, nil // nobody needs it
	}
	return b, b.send(ctx)
}

// free fails while a canary is under way.
func (st *Standing) free() error {
	if len(st.Targets) == 0 {
		return nil
	}
	nodes := slices.Sorted(maps.Keys(st.Targets))
	return &CanaryError{nodes, st.Targets[nodes[0]]}
}

// Unchanged tells whether the fleet follows this policy already.
func (b *Publication) Unchanged() bool { return b.Pointer.Same(b.Before) }

// send sees to it that all chunks are there, and that none of them is about to be removed. It notes their
// revisions: as long as these stay, so do the chunks.
func (b *Publication) send(ctx context.Context) error {
	for {
		there, err := b.s.chunks(ctx)
		if err != nil {
			return err
		}
		missing := 0
		b.stand = map[string]int64{}
		for i, c := range b.Pointer.Chunks {
			item, ok := there[c.SHA256]
			if ok && item.Lease == 0 {
				b.stand[c.SHA256] = item.Modified
				continue
			}
			missing++
			key := b.s.keys.Chunk(c.SHA256)
			t := etcd.Txn{If: []etcd.Compare{{Key: key, Target: etcd.Created}}, Then: []etcd.Op{{Put: &etcd.Put{Key: key, Value: b.chunks[i]}}}}
			if ok {
				t = etcd.Txn{If: []etcd.Compare{{Key: key, Target: etcd.Modified, Is: item.Modified}}, Then: []etcd.Op{{Put: &etcd.Put{Key: key, Keep: true}}}}
			} else {
				b.Sent += len(b.chunks[i])
			}
			if _, err := b.s.c.Do(ctx, t); err != nil {
				return err
			}
			there[c.SHA256] = etcd.Item{} // the same text twice is sent once
		}
		if missing == 0 {
			return nil
		}
	}
}

// chunks lists the chunks that are there, by their sums, without what they hold.
func (s *Store) chunks(ctx context.Context) (map[string]etcd.Item, error) {
	all := etcd.All(s.keys.Chunks())
	all.KeysOnly = true
	got, _, err := s.c.Get(ctx, all)
	if err != nil {
		return nil, err
	}
	there := map[string]etcd.Item{}
	for _, i := range got[0] {
		there[string(i.Key[len(s.keys.Chunks()):])] = i
	}
	return there, nil
}

// Publish gives the policy to all nodes, and enters it into the history.
func (b *Publication) Publish(ctx context.Context) error {
	value := b.Pointer.Bytes()
	t := etcd.Txn{Then: []etcd.Op{
		{Put: &etcd.Put{Key: b.s.keys.Policy(), Value: value}},
		{Put: &etcd.Put{Key: b.s.keys.Past(b.Pointer.Number), Value: value}},
	}}
	if b.lease != 0 {
		all := etcd.All(b.s.keys.Targets())
		t.Then = append(t.Then, etcd.Op{Delete: &all})
	}
	return b.commit(ctx, t)
}

// commit carries out a transaction if nothing has changed that the publication depends on.
func (b *Publication) commit(ctx context.Context, t etcd.Txn) error {
	const tries = 10 // somebody tidies up at the same time
	for range tries {
		t.If = b.conditions()
		t.Else = nil
		for _, r := range b.s.standing() {
			t.Else = append(t.Else, etcd.Op{Get: &r})
		}
		out, err := b.s.c.Do(ctx, t)
		if etcd.Passing(err) {
			return &unknownError{err}
		}
		if err != nil || out.Held {
			return err
		}
		st, err := b.s.read(out.Got)
		if err != nil {
			return err
		}
		// Where an answer was lost, the transaction was carried out already.
		if done, ok := b.done(st); done || !ok {
			return b.overtaken(st, done)
		}
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("the chunks of the policy are removed again and again: does another program write below %s?", b.s.keys.Prefix())
}

// conditions are what a publication depends on: the pointer that it replaces, its chunks, and that no node
// has another target than it gave them.
func (b *Publication) conditions() []etcd.Compare {
	all := []etcd.Compare{{Key: b.s.keys.Policy(), Target: etcd.Modified, Is: b.seen}}
	begins := b.s.keys.Targets()
	if b.lease == 0 {
		all = append(all, etcd.Compare{Key: begins, End: etcd.After(begins), Target: etcd.Created})
	} else { // all of them are there, and nobody else's
		all = append(all, etcd.Compare{Key: begins, End: etcd.After(begins), Target: etcd.Leased, Is: b.lease})
	}
	for sum, revision := range b.stand {
		all = append(all, etcd.Compare{Key: b.s.keys.Chunk(sum), Target: etcd.Modified, Is: revision})
	}
	return all
}

// done tells whether the publication stands already where it was to stand; ok says whether it still could.
func (b *Publication) done(st *Standing) (done, ok bool) {
	switch {
	case st.Policy != nil && st.Policy.ID == b.Pointer.ID:
		return true, true
	case st.modified != b.seen:
		return false, false
	}
	for _, p := range st.Targets {
		if p.ID != b.Pointer.ID {
			return false, false
		}
	}
	return false, true
}

// overtaken says who was faster.
func (b *Publication) overtaken(st *Standing, done bool) error {
	switch {
	case done:
		return nil
	case st.modified != b.seen:
		return &OvertakenError{st.Policy}
	}
	return st.free()
}

func list(nodes []string) string {
	const most = 5
	out := ""
	for i, n := range nodes {
		if i == most {
			return out + fmt.Sprintf(" and %d others", len(nodes)-most)
		}
		if i > 0 {
			out += ", "
		}
		out += n
	}
	return out
}

// Unknown tells whether an error leaves open what was done: the transaction was sent, and no answer came.
func Unknown(err error) bool {
	var u *unknownError
	return errors.As(err, &u)
}

// unknownError is that of a transaction that gives a policy to nodes.
type unknownError struct{ err error }

// Error says what happened.
func (e *unknownError) Error() string { return e.err.Error() }

// Unwrap returns it.
func (e *unknownError) Unwrap() error { return e.err }
