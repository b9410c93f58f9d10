package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/policy"
)

const prefix = "/snatctl/test"

func keys(t testing.TB) fleet.Keys {
	t.Helper()
	k, err := fleet.KeysBelow(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, patience time.Duration, endpoints ...string) *store.Store {
	t.Helper()
	return openAs(t, etcd.Options{Endpoints: endpoints, Patience: patience})
}

func openAs(t testing.TB, o etcd.Options) *store.Store {
	t.Helper()
	c, err := etcd.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return store.Of(c, keys(t))
}

// text is a policy of about so many bytes, for all that a store knows of policies.
func text(n int, mark string) []policy.Source {
	var b bytes.Buffer
	b.WriteString("# " + mark + "\n")
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "  - {name: web-%d, vip: 203.0.113.%d, ports: tcp/%d, real_servers: [192.168.1.%d, 192.168.2.%d]}\n", i, i%251, i%65535+1, i%253, i%241)
	}
	return []policy.Source{{Name: "policy.yaml", Data: b.Bytes()}}
}

func prepare(t testing.TB, s *store.Store, files []policy.Source) *store.Publication {
	t.Helper()
	b, err := s.Prepare(t.Context(), files, "ops", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publish(t testing.TB, s *store.Store, files []policy.Source) *fleet.Pointer {
	t.Helper()
	b := prepare(t, s, files)
	if err := b.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.Pointer
}

// node is an agent without a kernel: it follows, and reports what it has taken.
type node struct {
	f      *store.Follower
	stop   func()
	mu     sync.Mutex
	report fleet.Report
	lost   atomic.Int32
	bytes  atomic.Int64                 // of the chunks that it fetched
	refuse func(*store.Followed) string // why it cannot apply a policy; empty: it can
	taken  chan string                  // identities of what it took; nobody need listen
}

// run has a node follow, and report.
func run(t testing.TB, s *store.Store, name, cache string) *node {
	return runApplying(t, s, name, cache, func(*store.Followed) string { return "" })
}

// runApplying is run for a node that does something with a policy, and says why it cannot.
func runApplying(t testing.TB, s *store.Store, name, cache string, apply func(*store.Followed) string) *node {
	n := &node{taken: make(chan string, 1000), refuse: apply}
	n.report = fleet.Report{Node: name}
	n.f = s.Follow(name, cache, store.Ears{
		Changed: func() { n.take() }, Fetched: func(_ *store.Followed, bytes int, _ time.Duration) { n.bytes.Add(int64(bytes)) }, Bad: func(error) {},
		Lost: func(error) { n.lost.Add(1) }, Found: func(string, time.Duration) {}, Unkept: func(err error) { t.Error(err) },
	})
	if n.f.Current() != nil {
		n.take()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { n.f.Run(ctx) })
	beside.Go(func() { s.Report(ctx, name, n.now, func(error) {}) })
	n.stop = sync.OnceFunc(func() { cancel(); beside.Wait() })
	t.Cleanup(n.stop)
	return n
}

func (n *node) now() fleet.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.report
}

// take applies what there is.
func (n *node) take() {
	now, why := n.f.Current(), ""
	if now.Err == nil {
		why = n.refuse(now)
	}
	n.mu.Lock()
	r := &n.report
	switch r.Number, r.ID, r.Canary = now.Pointer.Number, now.Pointer.ID, now.Own; {
	case now.Err != nil:
		r.Error = now.Err.Error()
	case why != "":
		r.Error = why
	default:
		r.Hash, r.Error, r.AppliedAt = now.Pointer.Hash, "", time.Now().UTC()
	}
	n.mu.Unlock()
	n.taken <- now.Pointer.ID
}

func (n *node) down(services ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.report.ServicesDown = services
}

// awaits waits until a node has taken a policy.
func (n *node) awaits(t testing.TB, p *fleet.Pointer) {
	t.Helper()
	eventually(t, "the node has policy "+p.ID, func() bool { return n.now().Hash == p.Hash })
}

// patience is how long something may take on a machine that is busy with other things.
const patience = 60 * time.Second

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// A follower without a path reads no file, whatever the working directory has.
func TestFollowWithoutPath(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".nodes", []byte(`{"gw1":"out"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := store.Of(nil, keys(t)).Follow("gw1", "", store.Ears{}).States(); len(got) > 0 {
		t.Errorf("it has read %v", got)
	}
}

// What is published is followed: files that are large and small, one after the other; and a node that starts
// has it at once.
func TestPublishAndFollow(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	n := run(t, s, "gw1", "")
	for i, size := range []int{100, 3 << 20, 200_000} {
		p := publish(t, s, text(size, fmt.Sprint(i)))
		if p.Number != int64(i)+1 {
			t.Errorf("policy %d has number %d", i+1, p.Number)
		}
		n.awaits(t, p)
		if got := n.f.Current(); string(got.Files[0].Data) != string(text(size, fmt.Sprint(i))[0].Data) || got.Files[0].Name != "policy.yaml" {
			t.Error("the node has another text")
		}
	}
	late := run(t, s, "gw2", "")
	late.awaits(t, n.f.Current().Pointer)
	if b := prepare(t, s, text(200_000, "2")); !b.Unchanged() {
		t.Error("the same policy is another one")
	}
	eventually(t, "both report", func() bool {
		all, err := s.Reports(t.Context())
		return err == nil && len(all) == 2 && all["gw1"].Number == 3 && all["gw2"].Hash == all["gw1"].Hash
	})
	n.stop()
	eventually(t, "who has ended is not listed", func() bool { all, err := s.Reports(t.Context()); return err == nil && len(all) == 1 })
	past, err := s.Past(t.Context())
	if err != nil || len(past) != 3 || past[0].Number != 3 {
		t.Errorf("the history has %d policies, %v", len(past), err)
	}
}

// A policy that differs in a line costs a chunk, to send and to fetch.
func TestOneLine(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	first := text(4<<20, "one")
	publish(t, s, first)
	second := []policy.Source{{Name: "policy.yaml", Data: bytes.Replace(first[0].Data, []byte("web-20000,"), []byte("web-of-another-name,"), 1)}}
	b := prepare(t, s, second)
	if b.Sent == 0 || b.Sent > 200<<10 {
		t.Errorf("%d bytes were sent", b.Sent)
	}
}

// Of two publishers at once, one is told, and its policy is nowhere.
func TestTwoPublishers(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s, other := open(t, 10*time.Second, c.URLs()...), open(t, 10*time.Second, c.URLs()...)
	first, second := prepare(t, s, text(100, "a")), prepare(t, other, text(100, "b"))
	if err := second.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	var overtaken *store.OvertakenError
	if err := first.Publish(t.Context()); !errors.As(err, &overtaken) || overtaken.By.ID != second.Pointer.ID {
		t.Errorf("the error is %v", err)
	}
	if err := second.Publish(t.Context()); err != nil {
		t.Errorf("the same again, as where an answer was lost: %v", err)
	}
	st, err := s.Standing(t.Context())
	if err != nil || st.Policy.ID != second.Pointer.ID {
		t.Errorf("the fleet has %+v, %v", st, err)
	}
	past, err := s.Past(t.Context())
	if err != nil || len(past) != 1 {
		t.Errorf("the history has %d, %v", len(past), err)
	}
}

// Chunks that nobody needs go, those of policies that are kept stay, and a policy whose chunks are about to go
// is published all the same.
func TestTidy(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	for i := range fleet.Kept + 3 {
		publish(t, s, text(100, fmt.Sprint(i)))
	}
	client, err := etcd.Open(etcd.Options{Endpoints: c.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	count := func() (all, leased int) {
		got, _, err := client.Get(t.Context(), etcd.All(keys(t).Chunks()))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range got[0] {
			if all++; i.Lease != 0 {
				leased++
			}
		}
		return all, leased
	}
	if err := s.Tidy(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if all, leased := count(); all != fleet.Kept+3 || leased != 3 {
		t.Errorf("%d of %d chunks are about to go, want 3 of %d", leased, all, fleet.Kept+3)
	}
	waiting := prepare(t, s, text(100, "1")) // an old one again: its chunk was about to go
	if _, leased := count(); leased != 2 {
		t.Errorf("%d chunks are about to go, want 2", leased)
	}
	if err := s.Tidy(t.Context(), time.Hour); err != nil { // somebody else: nothing needs the chunk yet
		t.Fatal(err)
	}
	if err := waiting.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Tidy(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if _, leased := count(); leased != 3 { // of policies 1, 3 and 4: 2 is published again
		t.Errorf("%d chunks are about to go, want 3", leased)
	}
	run(t, s, "gw1", "").awaits(t, waiting.Pointer)
	if past, err := s.Past(t.Context()); err != nil || len(past) != fleet.Kept {
		t.Errorf("the history has %d, %v", len(past), err)
	}
	eventually(t, "the chunk whose grace was short is gone", func() bool { all, _ := count(); return all == fleet.Kept+2 })
}

// What stands in etcd and is no policy does not replace one, and is told; the next good one is taken.
func TestDamaged(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	n := run(t, s, "gw1", "")
	good := publish(t, s, text(100, "good"))
	n.awaits(t, good)
	put := func(key, value string) {
		t.Helper()
		c.Ask(0, "kv/put", map[string]any{"key": []byte(key), "value": []byte(value)})
	}
	put(keys(t).Policy(), "nonsense")
	eventually(t, "it is told", func() bool { return strings.Contains(n.now().Error, "pointer cannot be read") })
	if n.now().Hash != good.Hash {
		t.Error("the policy in force is another one")
	}
	c.Ask(0, "kv/deleterange", map[string]any{"key": []byte(keys(t).Policy())})
	next := prepare(t, s, text(100, "next"))
	put(keys(t).Chunk(next.Pointer.Chunks[0].SHA256), "other bytes")
	if err := next.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told", func() bool { return strings.Contains(n.now().Error, "another size or SHA-256") })
	n.awaits(t, publish(t, s, text(100, "third")))
	if e := n.now().Error; e != "" {
		t.Errorf("the error is still %q", e)
	}
}

// A node starts and goes on without etcd, with what it had last, and does not trust its disk either.
func TestWithoutEtcd(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	cache := filepath.Join(t.TempDir(), "deep", "policy")
	n := run(t, s, "gw1", cache)
	p := publish(t, s, text(1<<20, "kept"))
	n.awaits(t, p)
	n.stop()
	c.End(0)
	n = run(t, open(t, 0, c.URLs()...), "gw1", cache)
	n.awaits(t, p)
	eventually(t, "it is told", func() bool { return n.lost.Load() == 1 })
	c.Run(0)
	c.Await()
	next := publish(t, s, text(100, "next"))
	n.awaits(t, next)
	if n.lost.Load() != 1 {
		t.Errorf("etcd was lost %d times", n.lost.Load())
	}
}
