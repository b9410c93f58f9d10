package wire

import (
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// chainMessage returns the attributes of the message that adds a chain to table t.
func chainMessage(c *nft.Chain) []byte {
	b := newBatch("t", 1, 0, 0)
	at := len(b.b)
	b.chain(&nft.Op{Mark: nft.Add, Chain: c})
	return b.b[at+unix.NLMSG_HDRLEN+nfnl.GenmsgLen:]
}

// decode(encode(x)) is x, and what a chain is called says nothing of where it is hooked.
func TestChains(t *testing.T) {
	for _, name := range []string{"prerouting", "forward", "c"} {
		chains := []*nft.Chain{{Name: name}}
		for _, p := range []nft.Point{nft.Prerouting, nft.Input, nft.Forward, nft.Output, nft.Postrouting} {
			for _, priority := range []int32{0, -300, 1 << 20} {
				chains = append(chains, &nft.Chain{Name: name, Hook: &nft.Hook{Type: "filter", Point: p, Priority: priority}})
			}
		}
		for _, c := range chains {
			if got := DecodeChain(chainMessage(c), "t"); !reflect.DeepEqual(got, c) {
				t.Errorf("%+v with hook %v is read as %+v", c, c.Hook, got)
			}
		}
	}
}

// Chains that are not the table's own are none, and what none of ours is differs from all.
func TestForeignChains(t *testing.T) {
	c := &nft.Chain{Name: "c", Hook: &nft.Hook{Type: "nat", Point: nft.Output}}
	if got := DecodeChain(chainMessage(c), "other"); got != nil {
		t.Errorf("a chain of another table is read as %+v", got)
	}
	if got := DecodeChain(nfnl.AppendU32(chainMessage(c), chainFlags, chainBinding), "t"); got != nil {
		t.Errorf("a chain that belongs to a rule is read as %+v", got)
	}
	if got := DecodeChain(nfnl.AppendU32(chainMessage(c), chainPolicy, nfDrop), "t"); *got.Hook == *c.Hook {
		t.Error("a chain that drops by policy is read as one of ours")
	}
	hook, at := nfnl.OpenNest(chainMessage(&nft.Chain{Name: "c"}), chainHook)
	hook = nfnl.AppendU32(hook, hookNum, 5)
	nfnl.CloseNest(hook, at)
	if got := DecodeChain(hook, "t"); got.Hook == nil || got.Hook.Point != "" {
		t.Errorf("a chain that is called at ingress is read with the hook %v", got.Hook)
	}
}
