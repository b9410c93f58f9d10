package gateway

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft"
)

// Another program writes between every reading and every commit, for a while: the same policy is
// tried again until it is in force. This is what boot and apply do, and nothing falls back to
// another policy meanwhile.
func TestPatience(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	const writes = 6
	h, n := nstest.NewHost(t, "gateway"), 0
	var g *Gateway
	if err := h.Do(func() (err error) {
		g, err = Hold(Options{Table: "snatctl", StateDir: t.TempDir(), Tell: func(e Event) {
			if e == Event(Committing) && n < writes {
				n++
				runNft(t, h, fmt.Sprintf("add table inet other%d", n))
			}
		}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	w := wanted(t, webOf+"192.168.1.1}\n")
	r, err := g.Apply(t.Context(), w, ApplyOptions{Command: "apply"})
	if err != nil || !r.Table || n != writes {
		t.Fatalf("after %d foreign writes Apply says %v, %v", n, r.Summary(), err)
	}
	live, _, err := g.conn.Read(t.Context(), "snatctl")
	if err != nil || !nft.Diff(live, formed(t, w.Ruleset)).Empty() {
		t.Errorf("what stands is not the policy (%v)", err)
	}
	entries, damaged, err := g.History(t.Context())
	if err != nil || len(damaged) > 0 || len(entries) != 1 {
		t.Errorf("the history has %+v, %v, %v", entries, damaged, err)
	}
}

// Callers that say nothing, however many, do not keep another from confirming.
func TestConfirmAmongMany(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	const callers = 300
	h := nstest.NewHost(t, "gateway")
	g := hold(t, h, t.TempDir())
	defer g.Close()
	if _, err := g.Apply(t.Context(), wanted(t, webOf+"192.168.1.1}\n"), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := g.Commit(t.Context(), wanted(t, webOf+"192.168.1.2}\n"), ApplyOptions{Confirm: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var connected atomic.Int32
	if err := h.Do(func() error {
		for range callers {
			conn, err := Call("snatctl")
			if err != nil {
				return fmt.Errorf("caller %d: %w", connected.Load(), err)
			}
			connected.Add(1)
			t.Cleanup(func() { _ = net.Conn(conn).Close() })
		}
		return Confirm("snatctl")
	}); err != nil {
		t.Fatalf("among %d callers Confirm fails: %v", connected.Load(), err)
	}
	if err := c.Trial.Wait(); err != nil {
		t.Errorf("the trial ended with %v", err)
	}
}
