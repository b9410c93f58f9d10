package nftlink

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// BaseChain is a chain that a hook calls, of any table.
type BaseChain struct {
	Family   string // "ip", "ip6" or "inet"
	Table    string
	Name     string
	Type     string // "filter", "nat" or "route"
	Hook     string // "prerouting", "input", "forward", "output", "postrouting"; "ingress" in inet
	Priority int
	Rules    int  // how many it has
	Fate     Fate // of a chain that filters at forward

	drops bool // by policy
}

// BaseChains lists the base chains of all tables that IP packets pass, by family.
func (c *Conn) BaseChains(ctx context.Context) ([]BaseChain, error) {
	var out []BaseChain
	for _, f := range []struct {
		number byte
		name   string
	}{{unix.NFPROTO_IPV4, "ip"}, {unix.NFPROTO_IPV6, "ip6"}, {unix.NFPROTO_INET, "inet"}} {
		from := len(out)
		err := c.requestOf(ctx, f.number, unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP, nil, func(b []byte) error {
			if chain, ok := baseChain(b); ok {
				chain.Family = f.name
				out = append(out, chain)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the chains of family %s: %w", f.name, explainErrno(err))
		}
		if err := c.setFates(ctx, f.number, out[from:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// baseChain decodes a chain; false for one without a hook. The users of a base chain are its
// rules, since no rule can jump to it.
func baseChain(b []byte) (BaseChain, bool) {
	var c BaseChain
	hooked := false
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case unix.NFTA_CHAIN_TABLE:
			c.Table = a.Str()
		case unix.NFTA_CHAIN_NAME:
			c.Name = a.Str()
		case unix.NFTA_CHAIN_TYPE:
			c.Type = a.Str()
		case unix.NFTA_CHAIN_POLICY:
			c.drops = a.U32() == nfDrop
		case unix.NFTA_CHAIN_USE:
			c.Rules = int(a.U32())
		case unix.NFTA_CHAIN_HOOK:
			hooked = true
			for h := (nfnl.Attrs{Rest: a.Val}); h.Next(); {
				switch h.Type {
				case unix.NFTA_HOOK_HOOKNUM:
					c.Hook = hookName(h.U32())
				case unix.NFTA_HOOK_PRIORITY:
					c.Priority = int(int32(h.U32()))
				}
			}
		}
	}
	return c, hooked
}

// hookName returns the name of a hook of the IP families (include/uapi/linux/netfilter.h).
func hookName(number uint32) string {
	names := [...]string{"prerouting", "input", "forward", "output", "postrouting", "ingress"}
	if number >= uint32(len(names)) {
		return fmt.Sprintf("hook %d", number)
	}
	return names[number]
}
