package wire

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a chain (enum nft_chain_attributes) and of its hook (enum nft_hook_attributes).
const (
	chainTable    = unix.NFTA_CHAIN_TABLE    // string
	chainName     = unix.NFTA_CHAIN_NAME     // string
	chainHook     = unix.NFTA_CHAIN_HOOK     // list: of a base chain, where it is called
	chainPolicy   = unix.NFTA_CHAIN_POLICY   // u32: what becomes of packets at its end, NF_ACCEPT or NF_DROP
	chainUse      = unix.NFTA_CHAIN_USE      // u32: how many refer to it, its own rules among them
	chainType     = unix.NFTA_CHAIN_TYPE     // string: "filter", "nat" or "route"
	chainCounters = unix.NFTA_CHAIN_COUNTERS // list: what its policy has counted
	chainFlags    = 10                       // NFTA_CHAIN_FLAGS, u32: NFT_CHAIN_* (Linux 5.7)
	chainUserdata = 12                       // NFTA_CHAIN_USERDATA, bytes that the kernel keeps for nft (Linux 5.10)

	hookNum      = unix.NFTA_HOOK_HOOKNUM  // u32: NF_INET_*
	hookPriority = unix.NFTA_HOOK_PRIORITY // s32: lower ones are called first

	chainBinding = 4 // NFT_CHAIN_BINDING, a flag: made for one rule, and gone with it
)

// Verdicts of netfilter (include/uapi/linux/netfilter.h).
const (
	nfDrop   = 0
	nfAccept = 1
)

// hookNames are the hooks of the IP families by number (include/uapi/linux/netfilter.h, enum
// nf_inet_hooks).
var hookNames = [...]string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}

// hookNumbers are the hooks that chains of ours are called at.
var hookNumbers = map[nft.Point]uint32{
	nft.Prerouting: unix.NF_INET_PRE_ROUTING, nft.Input: unix.NF_INET_LOCAL_IN, nft.Forward: unix.NF_INET_FORWARD,
	nft.Output: unix.NF_INET_LOCAL_OUT, nft.Postrouting: unix.NF_INET_POST_ROUTING,
}

// hookName returns the name of a hook.
func hookName(number uint32) string {
	if number >= uint32(len(hookNames)) {
		return fmt.Sprintf("hook %d", number)
	}
	return hookNames[number]
}

// chain adds or deletes a chain.
func (t *Batch) chain(o *nft.Op) {
	if o.Mark == nft.Delete {
		t.start(unix.NFT_MSG_DELCHAIN, 0, origin{op: o})
		t.b = nfnl.AppendString(t.b, chainName, o.Chain.Name)
		t.end()
		return
	}
	t.start(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, origin{op: o})
	t.b = nfnl.AppendString(t.b, chainName, o.Chain.Name)
	t.b = appendHook(t.b, o.Chain.Hook)
	t.end()
}

func appendHook(b []byte, h *nft.Hook) []byte {
	if h == nil {
		return b
	}
	b, at := nfnl.OpenNest(b, chainHook)
	b = nfnl.AppendU32(b, hookNum, hookNumbers[h.Point])
	b = nfnl.AppendU32(b, hookPriority, uint32(h.Priority))
	nfnl.CloseNest(b, at)
	b = nfnl.AppendU32(b, chainPolicy, nfAccept)
	return nfnl.AppendString(b, chainType, h.Type)
}

// DecodeChain reads a chain of a table. It gives nil for chains of other tables, which older
// kernels return, too, and for those that are part of a rule: its form differs from all of ours.
func DecodeChain(b []byte, table string) *nft.Chain {
	chain := &nft.Chain{}
	var hook nft.Hook
	policy := uint32(nfAccept)
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case chainTable:
			if a.Str() != table {
				return nil
			}
		case chainName:
			chain.Name = a.Str()
		case chainHook:
			hook.Point, hook.Priority = decodeHook(a.Val)
			chain.Hook = &hook
		case chainType:
			hook.Type = a.Str()
		case chainPolicy:
			policy = a.U32()
		case chainFlags:
			if a.U32()&chainBinding != 0 {
				return nil
			}
		}
	}
	if policy != nfAccept {
		hook.Type += " with another policy than accept" // differs from all that snatctl makes
	}
	return chain
}

// decodeHook reads where a base chain is called; "" for points where none of ours is.
func decodeHook(b []byte) (point nft.Point, priority int32) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case hookNum:
			for p, n := range hookNumbers {
				if n == a.U32() {
					point = p
				}
			}
		case hookPriority:
			priority = int32(a.U32())
		}
	}
	return point, priority
}
