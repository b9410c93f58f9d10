package exporter

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/ipfix"
)

// blocks knows which clients have a block of ports of their own: each from its first flow to
// the end of its last. The policy says which block that is, so a client gets the same again;
// but who reads the records need not know the policy.
type blocks map[holder][]held

// holder is a client with its laddr.
type holder struct{ client, laddr netip.Addr }

// held is a block, and how many flows have a port of it.
type held struct {
	ports inet.PortRange
	flows int
}

// change is what a flow means for its block: PortBlockAllocation, PortBlockRelease, or 0 for
// nothing.
type change struct {
	change ipfix.Event
	ports  inet.PortRange
}

// follow tells whether a flow has a port of a block, and what that changes. The end of a flow
// counts for the block that it began with, whatever the policy says by now.
func (b *blocks) follow(e *ct.Event, o *ct.Owner) (bool, change) {
	if *b == nil {
		*b = make(blocks)
	}
	h, port := holder{e.Flow.Orig.Src.Addr(), e.Flow.Reply.Dst.Addr()}, e.Flow.Reply.Dst.Port()
	if e.Kind == ct.Destroy {
		if !e.Flow.Orig.Proto.HasPorts() {
			return false, change{}
		}
		return b.end(h, port)
	}
	ports, ok := o.Block(&e.Flow)
	if !ok {
		return false, change{}
	}
	list := (*b)[h]
	if n := slices.IndexFunc(list, func(x held) bool { return x.ports == ports }); n >= 0 {
		list[n].flows++
		return true, change{}
	}
	(*b)[h] = append(list, held{ports, 1})
	return true, change{ipfix.PortBlockAllocation, ports}
}

func (b *blocks) end(h holder, port uint16) (bool, change) {
	list := (*b)[h]
	n := slices.IndexFunc(list, func(x held) bool { return x.ports.Contains(port) })
	if n < 0 {
		return false, change{}
	}
	if list[n].flows--; list[n].flows > 0 {
		return true, change{}
	}
	ports := list[n].ports
	if list = slices.Delete(list, n, n+1); len(list) == 0 {
		delete(*b, h)
	} else {
		(*b)[h] = list
	}
	return true, change{ipfix.PortBlockRelease, ports}
}
