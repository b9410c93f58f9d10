package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/internal/soak"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// simulation is a fleet whose nodes do all that nodes do but for the kernel: each makes its own table of what it
// fetched from etcd.
type simulation struct {
	t     *testing.T
	c     *cluster.Cluster
	s     *store.Store
	nodes map[string]*node
	lines map[string]*cluster.Line // of nodes that can be cut off

	mu     sync.Mutex
	tables map[string]string // what each has made last
}

// table compiles the policy of a fleet for one node.
func table(all *policy.Policy, node string) (string, error) {
	p, d := all.At(node)
	if d != nil {
		return "", errors.New(d.Msg)
	}
	r, ds := compiler.Compile(p)
	if r == nil {
		return "", ds.Err()
	}
	var b strings.Builder
	err := r.WriteScript(&b)
	return b.String(), err
}

// start has a node follow: over a line of its own that can be cut, or by all members, of which each is the first
// that a third of the nodes asks.
func (m *simulation) start(i int, name string, ownLine bool) {
	urls := m.c.URLs()
	urls = slices.Concat(urls[i%len(urls):], urls[:i%len(urls)])
	if ownLine {
		m.lines[name] = cluster.NewLine(m.t, m.c.Members[i%len(urls)].Address)
		urls = []string{m.lines[name].URL}
	}
	m.nodes[name] = runApplying(m.t, open(m.t, 0, urls...), name, "", func(f *store.Followed) string {
		all, ds := read.Parse(f.Files)
		if all == nil {
			return ds.Err().Error()
		}
		text, err := table(all, name)
		if err != nil {
			return err.Error()
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.tables[name] = text
		return ""
	})
}

// stand waits until all nodes but some report that they run a policy, and returns how long that took.
func (m *simulation) stand(what string, p *fleet.Pointer, but map[string]*cluster.Line) time.Duration {
	m.t.Helper()
	began := time.Now()
	for late := []string{}; ; time.Sleep(50 * time.Millisecond) {
		all, err := m.s.Reports(m.t.Context())
		if late = late[:0]; err == nil {
			for name := range m.nodes {
				r, ok := all[name]
				if but[name] == nil && (!ok || r.Stands(p) != fleet.Current) {
					late = append(late, fmt.Sprintf("%s: %s %s", name, r.Stands(p), r.Error))
				}
			}
			if len(late) == 0 {
				return time.Since(began)
			}
		}
		if time.Since(began) > 2*patience {
			m.t.Fatalf("%s: not within %v: %v, %d nodes such as %v", what, 2*patience, err, len(late), late[:min(3, len(late))])
		}
	}
}

// made fails unless every node has made the table that the policy means for it.
func (m *simulation) made(files []policy.Source) {
	m.t.Helper()
	all := compiled.Policy(m.t, files[0].Data)
	tables := m.now()
	for name := range m.nodes {
		if want, err := table(all, name); err != nil || tables[name] != want {
			m.t.Fatalf("node %s has another table than the policy says, %v", name, err)
		}
	}
}

// now is what all nodes have made.
func (m *simulation) now() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.tables)
}

// fetched is how many bytes all nodes together have fetched.
func (m *simulation) fetched() (sum int64) {
	for _, n := range m.nodes {
		sum += n.bytes.Load()
	}
	return sum
}

// took tells whether a node took a policy since it was asked last.
func took(n *node, p *fleet.Pointer) (yes bool) {
	for {
		select {
		case id := <-n.taken:
			yes = yes || id == p.ID
		default:
			return yes
		}
	}
}

// Two hundred nodes make their tables of one policy. A canary fails and is taken back, and no other node has seen
// it; nodes join, leave and die, and the leader of etcd with them; at the end all have the same policy again.
func TestTwoHundredNodes(t *testing.T) {
	const many, mortal = 200, 10
	c := cluster.Start(t, cluster.Options{Members: 3})
	m := &simulation{t: t, c: c, s: open(t, 60*time.Second, c.URLs()...), nodes: map[string]*node{}, lines: map[string]*cluster.Line{}, tables: map[string]string{}}
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("gw%d", i))
		m.start(i, names[i], i >= many-mortal)
	}
	policyOf := func(g sample.Gateways, nodes ...string) (sample.Gateways, []policy.Source) {
		g, err := g.Among(nodes...)
		if err != nil {
			t.Fatal(err)
		}
		return g, []policy.Source{{Name: "policy.yaml", Data: g.Policy()}}
	}
	round := func(what string, files []policy.Source, but map[string]*cluster.Line) *fleet.Pointer {
		t.Helper()
		before, began := m.fetched(), time.Now()
		b := prepare(t, m.s, files)
		if err := b.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent := time.Since(began)
		m.stand(what, b.Pointer, but)
		t.Logf("%s: %d KB of text, %d KB sent in %v, %d KB fetched by %d nodes, which all have made their tables and said so after %v",
			what, len(files[0].Data)>>10, b.Sent>>10, sent.Round(time.Millisecond), (m.fetched()-before)>>10, len(m.nodes)-len(but), time.Since(began).Round(time.Millisecond))
		return b.Pointer
	}
	g, files := policyOf(sample.Gateways{Services: 1}, names...)
	first := round("the first policy", files, nil)
	m.made(files)

	g.Mark = "a canary"
	b := prepare(t, m.s, []policy.Source{{Name: "policy.yaml", Data: g.Policy()}})
	canaries, failed := names[:5], make(chan error, 1)
	go func() { failed <- b.Canary(t.Context(), canaries, 2*patience, func(string) {}) }()
	for _, name := range canaries {
		m.nodes[name].awaits(t, b.Pointer)
	}
	m.nodes[canaries[3]].down("svc-0")
	var why *store.FailedError
	if err := <-failed; !errors.As(err, &why) || !strings.Contains(why.Why, "on node gw3 service svc-0 lost the quorum") {
		t.Fatalf("the canary ends with %v", err)
	}
	m.nodes[canaries[3]].down()
	m.stand("the canary is taken back", first, nil)
	for _, name := range names {
		if took(m.nodes[name], b.Pointer) != slices.Contains(canaries, name) {
			t.Errorf("node %s: a canary, or none, and it is the other way round", name)
		}
	}

	// Ten nodes lose their lines, one leaves for good, another comes, and etcd's leader dies.
	for _, l := range m.lines {
		l.Cut(true)
	}
	m.nodes["gw150"].stop()
	delete(m.nodes, "gw150")
	before := m.now()
	leader := c.Leader()
	c.Kill(leader)
	g.Mark = "another node"
	g, files = policyOf(g, append(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "gw150" }), "gw200")...)
	m.start(many, "gw200", false)
	second := round("one node leaves, one comes, ten are cut off, the leader is dead", files, m.lines)
	for name, text := range m.now() {
		if was, ok := before[name]; ok && text != was {
			t.Errorf("the table of node %s has changed with other nodes", name)
		}
	}
	c.Run(leader)
	for _, l := range m.lines {
		l.Cut(false)
	}
	t.Logf("the ten are back, and have it after %v", m.stand("all are back", second, nil).Round(time.Millisecond))
	m.made(files)
	if !soak.Long() {
		return
	}
	g.Mark, g.Services = "more services", 20
	_, files = policyOf(g, g.Nodes()...)
	round("20 services", files, nil)
	m.made(files)
}
