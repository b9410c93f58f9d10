package nftlink

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// BaseChain is a chain that a hook calls, of any table.
type BaseChain struct {
	Family   string // "ip", "ip6" or "inet"
	Table    string
	Name     string
	Type     string // "filter", "nat" or "route"
	Hook     string // "prerouting", "input", "forward", "output", "postrouting"; "ingress" in inet
	Priority int
	Rules    int // how many it has
}

// BaseChains lists the base chains of all tables that IP packets pass, by family.
func (c *Conn) BaseChains(ctx context.Context) ([]BaseChain, error) {
	var out []BaseChain
	for _, f := range []struct {
		number byte
		name   string
	}{{unix.NFPROTO_IPV4, "ip"}, {unix.NFPROTO_IPV6, "ip6"}, {unix.NFPROTO_INET, "inet"}} {
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
	}
	return out, nil
}

// baseChain decodes a chain; false for one without a hook. The users of a base chain are its
// rules, since no rule can jump to it.
func baseChain(b []byte) (BaseChain, bool) {
	var c BaseChain
	hooked := false
	for a := (attrs{rest: b}); a.next(); {
		switch a.typ {
		case unix.NFTA_CHAIN_TABLE:
			c.Table = a.str()
		case unix.NFTA_CHAIN_NAME:
			c.Name = a.str()
		case unix.NFTA_CHAIN_TYPE:
			c.Type = a.str()
		case unix.NFTA_CHAIN_USE:
			c.Rules = int(a.u32())
		case unix.NFTA_CHAIN_HOOK:
			hooked = true
			for h := (attrs{rest: a.val}); h.next(); {
				switch h.typ {
				case unix.NFTA_HOOK_HOOKNUM:
					c.Hook = hookName(h.u32())
				case unix.NFTA_HOOK_PRIORITY:
					c.Priority = int(int32(h.u32()))
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
