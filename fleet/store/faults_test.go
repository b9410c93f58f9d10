package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/internal/authority"
	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/soak"
)

// Leaders are killed while policies are published: each is published once, and the node has the last.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Members: 3})
	s := open(t, 60*time.Second, c.URLs()...)
	n := run(t, open(t, 0, c.URLs()...), "gw1", "")
	publish(t, s, text(100, "first"))
	number := int64(1)
	for round := range soak.Count(2, 20) {
		dead := make(chan int)
		go func() {
			time.Sleep(time.Duration(round%5) * 30 * time.Millisecond)
			i := c.Leader()
			c.Kill(i)
			dead <- i
		}()
		var last *fleet.Pointer
		for i := range 3 {
			last = publish(t, s, text(1<<20, fmt.Sprint(round, i)))
			if number++; last.Number != number {
				t.Fatalf("policy %d has number %d: it was published twice, or one before it never", number, last.Number)
			}
		}
		n.awaits(t, last)
		c.Run(<-dead)
	}
	if past, err := s.Past(t.Context()); err != nil || len(past) != int(number) && len(past) < fleet.Kept {
		t.Errorf("the history has %d policies of %d, %v", len(past), number, err)
	}
}

// All members are gone, nodes are started anew meanwhile, and follow again once there is an etcd.
func TestEtcdGone(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Members: 3})
	s := open(t, 60*time.Second, c.URLs()...)
	p := publish(t, s, text(200_000, "first"))
	dir, nodes := t.TempDir(), []*node{}
	start := func(i int) *node {
		return run(t, open(t, 0, c.URLs()...), fmt.Sprintf("gw%d", i), filepath.Join(dir, fmt.Sprint(i)))
	}
	for i := range 4 {
		nodes = append(nodes, start(i))
		nodes[i].awaits(t, p)
	}
	for i := range c.Members {
		c.Kill(i)
	}
	for i := range 2 {
		nodes[i].stop()
		nodes[i] = start(i)
		nodes[i].awaits(t, p) // from its disk
	}
	time.Sleep(time.Duration(soak.Count(3, 300)) * time.Second)
	for i := range c.Members {
		c.Run(i)
	}
	p = publish(t, s, text(200_000, "second"))
	for _, n := range nodes {
		n.awaits(t, p)
	}
	eventually(t, "all report again", func() bool {
		all, err := s.Reports(t.Context())
		return err == nil && len(all) == 4
	})
}

// A member that the node is connected with hangs, or the line to it is cut without a word: the node goes on
// with another. A line that is slow is none that is cut.
func TestLines(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Members: 3})
	s := open(t, 60*time.Second, c.URLs()...)
	line := cluster.NewLine(t, c.Members[0].Address)
	slow := cluster.NewLine(t, c.Members[2].Address)
	slow.Slow(60_000)
	n := run(t, open(t, 0, line.URL, c.Members[1].URL), "gw1", "")
	far := run(t, open(t, 0, slow.URL), "far", "")
	first := publish(t, s, text(1<<20, "first"))
	n.awaits(t, first)
	far.awaits(t, first)
	if far.lost.Load() != 0 {
		t.Error("a slow line counts as cut")
	}
	line.Cut(true)
	n.awaits(t, publish(t, s, text(100, "second")))
	c.Hang(1)
	line.Cut(false)
	n.awaits(t, publish(t, s, text(100, "third")))
	c.GoOn(1)
}

// A watch from a revision that etcd has forgotten says so, within a stream that begins and ends in good order;
// a node does not notice.
func TestCompaction(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 10*time.Second, c.URLs()...)
	n := run(t, s, "gw1", "")
	for i := range 5 {
		n.awaits(t, publish(t, s, text(100, fmt.Sprint(i))))
	}
	c.Compact()
	client, err := etcd.Open(etcd.Options{Endpoints: c.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Watch(t.Context(), 2, []etcd.Range{{Key: keys(t).Policy()}}, func(int64) {}); !errors.Is(err, etcd.ErrCompacted) {
		t.Errorf("the watch ends with %v", err)
	}
	n.awaits(t, publish(t, s, text(100, "next")))
	c.Compact()
	c.End(0)
	c.Run(0)
	c.Await()
	n.awaits(t, publish(t, s, text(100, "last")))
}

// What becomes of a canary.
func TestCanary(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 30*time.Second, c.URLs()...)
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, run(t, open(t, 0, c.URLs()...), fmt.Sprintf("gw%d", i+1), ""))
	}
	first := publish(t, s, text(100, "first"))
	for _, n := range nodes {
		n.awaits(t, first)
	}
	reported := func(what string, is func(map[string]fleet.Report) bool) {
		t.Helper()
		eventually(t, what, func() bool { all, err := s.Reports(t.Context()); return err == nil && is(all) })
	}
	reported("all report", func(all map[string]fleet.Report) bool { return len(all) == 3 && all["gw1"].Hash == first.Hash })
	quiet := func(string) {}
	fails := func(name, why string, meanwhile func(b *store.Publication)) {
		t.Helper()
		b := prepare(t, s, text(100, name))
		done := make(chan error, 1)
		go func() { done <- b.Canary(t.Context(), []string{"gw1"}, 20*time.Second, quiet) }()
		meanwhile(b)
		var failed *store.FailedError
		if err := <-done; !errors.As(err, &failed) || !strings.Contains(failed.Why, why) || failed.Expires {
			t.Errorf("%s: the error is %v, want %q", name, err, why)
		}
		nodes[0].awaits(t, first)
		if st, err := s.Standing(t.Context()); err != nil || st.Policy.ID != first.ID || len(st.Targets) != 0 {
			t.Errorf("%s: the fleet has %+v, %v", name, st, err)
		}
	}
	nodes[0].refuse = func(f *store.Followed) string {
		if strings.Contains(string(f.Files[0].Data), "no room") {
			return "no buffer space available"
		}
		return ""
	}
	fails("no room", "node gw1 cannot apply it: no buffer space available", func(*store.Publication) {})
	nodes[0].down("mail") // it was before
	reported("mail is down", func(all map[string]fleet.Report) bool { return slices.Equal(all["gw1"].ServicesDown, []string{"mail"}) })
	fails("a quorum is lost", "service web lost the quorum", func(b *store.Publication) {
		nodes[0].awaits(t, b.Pointer)
		if st, err := s.Standing(t.Context()); err != nil || len(st.Targets) != 1 || nodes[1].now().Hash != first.Hash {
			t.Errorf("others than the canary have it: %+v, %v", st, err)
		}
		other, err := open(t, 10*time.Second, c.URLs()...).Prepare(t.Context(), text(100, "hasty"), "eve", time.Now())
		var busy *store.CanaryError
		if !errors.As(err, &busy) {
			t.Errorf("during a canary somebody else publishes %v, %v", other, err)
		}
		nodes[0].down("mail", "web")
	})
	nodes[0].down()
	if err := prepare(t, s, text(100, "x")).Canary(t.Context(), []string{"gw9"}, time.Second, quiet); err == nil || !strings.Contains(err.Error(), "gw9 does not report") {
		t.Errorf("a node that is not there is a canary: %v", err)
	}
	b := prepare(t, s, text(100, "good"))
	if err := b.Canary(t.Context(), []string{"gw1", "gw2"}, 2*time.Second, quiet); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.awaits(t, b.Pointer)
	}
	reported("no node has a target of its own", func(all map[string]fleet.Report) bool {
		return !all["gw1"].Canary && all["gw3"].Number == b.Pointer.Number
	})
}

// Users, who may do what their roles say and no more; and etcd that forgets whom it knows.
func TestUsers(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Flags: []string{"--auth-token-ttl", "2"}})
	grant := func(role, key string, kind string) {
		c.Ask(0, "auth/role/grant", map[string]any{"name": role, "perm": map[string]any{"permType": kind, "key": []byte(key), "range_end": []byte(etcd.After(key))}})
	}
	for _, u := range []string{"root", "gateway", "publisher"} {
		c.Ask(0, "auth/role/add", map[string]any{"name": u})
		c.Ask(0, "auth/user/add", map[string]any{"name": u, "password": "secret of " + u})
		c.Ask(0, "auth/user/grant", map[string]any{"user": u, "role": u})
	}
	grant("gateway", prefix+"/", "READ")
	grant("gateway", prefix+"/node/", "READWRITE")
	grant("publisher", prefix+"/", "READWRITE")
	c.Ask(0, "auth/enable", map[string]any{})
	as := func(user, pass string) *store.Store {
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(pass+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return openAs(t, etcd.Options{Endpoints: c.URLs(), User: user, Password: file})
	}
	publisher, gateway := as("publisher", "secret of publisher"), as("gateway", "secret of gateway")
	n := run(t, gateway, "gw1", "")
	n.awaits(t, publish(t, publisher, text(100, "first")))
	if _, err := gateway.Prepare(t.Context(), text(100, "evil"), "gw", time.Now()); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a gateway publishes: %v", err)
	}
	if _, err := as("publisher", "guessed").Standing(t.Context()); err == nil || !strings.Contains(err.Error(), "as user publisher") {
		t.Errorf("a wrong password is taken: %v", err)
	}
	if _, err := open(t, 0, c.URLs()...).Standing(t.Context()); err == nil || !strings.Contains(err.Error(), "wants a user") {
		t.Errorf("nobody is let in: %v", err)
	}
	time.Sleep(4 * time.Second) // tokens are forgotten
	n.awaits(t, publish(t, publisher, text(100, "second")))
	c.End(0)
	c.Run(0)
	c.Await()
	n.awaits(t, publish(t, publisher, text(100, "third")))
	eventually(t, "it reports", func() bool { all, err := publisher.Reports(t.Context()); return err == nil && all["gw1"].Number == 3 })
}

// TLS: etcd shows a certificate, and wants one.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir, a := t.TempDir(), authority.New(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	issue := func(name string) {
		authority.Save(t, a.Issue(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)), file(name+".pem"), file(name+".key"))
	}
	issue("gw1")
	c := cluster.Start(t, cluster.Options{TLS: func(ip string) []string {
		issue(ip)
		return []string{"--cert-file", file(ip + ".pem"), "--key-file", file(ip + ".key"), "--trusted-ca-file", a.File, "--client-cert-auth"}
	}})
	o := etcd.Options{Endpoints: c.URLs(), CA: a.File, Cert: file("gw1.pem"), Key: file("gw1.key"), Patience: 20 * time.Second}
	s := openAs(t, o)
	n := run(t, s, "gw1", "")
	n.awaits(t, publish(t, s, text(100, "first")))
	o.Cert, o.Key, o.Patience = "", "", 0
	if _, err := openAs(t, o).Standing(t.Context()); err == nil {
		t.Error("etcd is spoken with without a certificate")
	}
	other := authority.New(t)
	o.CA, o.Cert, o.Key = other.File, file("gw1.pem"), file("gw1.key")
	if _, err := openAs(t, o).Standing(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of another authority is taken: %v", err)
	}
}
