package nftlink_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/nft/nftlink"
)

// A table that another program owns refuses every change, and the error says so instead of
// asking root to be root.
func TestOwnedTable(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	var owner *nftlink.Conn
	if err := g.host.Do(func() (err error) {
		owner, err = nftlink.Open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	before, _, err := g.conn.Snapshot(t.Context(), "snatctl")
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Own(t.Context(), "snatctl"); err != nil {
		t.Fatal(err)
	}
	want := mustCompile(t, small)
	live, gen := g.read("snatctl")
	_, deleted := g.conn.Delete(t.Context(), "snatctl")
	for name, err := range map[string]error{
		"Apply":   g.conn.Apply(t.Context(), diff(live, want), gen),
		"Delete":  deleted,
		"Restore": g.conn.Restore(t.Context(), before),
	} {
		if !errors.Is(err, nftlink.ErrOwned) || strings.Contains(err.Error(), "root") {
			t.Errorf("%s says %v", name, err)
		}
	}
	if head, err := g.conn.Head(t.Context(), "snatctl"); err != nil || head == nil || head.Owner == 0 {
		t.Errorf("the head is %+v, %v", head, err)
	}
	if head, err := g.conn.Head(t.Context(), "nowhere"); head != nil || err != nil {
		t.Errorf("the head of no table is %+v, %v", head, err)
	}
}
