package wire

import (
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

// DecodeBaseChain decodes a chain; false for one without a hook. The users of a base chain are its
// rules, since no rule can jump to it.
func DecodeBaseChain(b []byte) (BaseChain, bool) {
	var c BaseChain
	hooked := false
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case chainTable:
			c.Table = a.Str()
		case chainName:
			c.Name = a.Str()
		case chainType:
			c.Type = a.Str()
		case chainPolicy:
			c.drops = a.U32() == nfDrop
		case chainUse:
			c.Rules = int(a.U32())
		case chainHook:
			hooked = true
			for h := (nfnl.Attrs{Rest: a.Val}); h.Next(); {
				switch h.Type {
				case hookNum:
					c.Hook = hookName(h.U32())
				case hookPriority:
					c.Priority = int(int32(h.U32()))
				}
			}
		}
	}
	return c, hooked
}
