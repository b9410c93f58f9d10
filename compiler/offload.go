package compiler

import (
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// priorityOffload lies behind the chains that filter (NF_IP_PRI_FILTER 0 and
// NF_IP_PRI_SECURITY 50 in include/uapi/linux/netfilter_ipv4.h), anyone's: a flow goes on the
// flowtable when all of them have let a packet of it pass, since they see no more of it.
const priorityOffload = 100

// Offload adds to a compiled table what puts established TCP and UDP flows on a flowtable of
// some network devices, in any order: gateway.offload. It is no part of Compile because a
// flowtable names its devices one by one: they are the host's, and no policy lists them.
func Offload(r *nft.Ruleset, devices []string) {
	devices = slices.Clone(devices)
	slices.Sort(devices)
	r.Flowtable = &nft.Flowtable{Name: layout.Flowtable, Devices: devices}
	chain := &nft.Chain{
		Name: layout.ChainOffload.String(),
		Hook: &nft.Hook{Type: "filter", Point: nft.Forward, Priority: priorityOffload},
		Rules: []nft.Rule{{Stmts: []nft.Stmt{
			nft.L4Is{Protos: []inet.Proto{inet.TCP, inet.UDP}}, nft.CtEstablished{}, nft.FlowAdd{Flowtable: layout.Flowtable},
		}}},
	}
	at := slices.IndexFunc(r.Chains, func(c *nft.Chain) bool {
		n, _ := layout.ParseChain(c.Name)
		return n.Kind.Compare(layout.ChainOffload) > 0
	})
	if at < 0 {
		at = len(r.Chains)
	}
	r.Chains = slices.Insert(r.Chains, at, chain)
}
