package compiler

import (
	"fmt"
	"slices"
	"strings"

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
		Hook: &nft.Hook{Type: "filter", Point: "forward", Priority: priorityOffload},
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

// offloadChanges tells what a plan does to the flowtable. Where interfaces came or went it is
// the host that has changed, not the policy.
func offloadChanges(plan nft.Plan) (out []string) {
	made := slices.ContainsFunc(plan.Ops, func(op nft.Op) bool {
		return op.Chain != nil && op.Chain.Name == layout.ChainOffload.String() && op.Rules == nil
	})
	for _, op := range plan.Ops {
		switch f := op.Flowtable; {
		case f == nil:
		case op.Mark == nft.Delete && len(f.Devices) == 0:
			out = append(out, "established flows no longer take a short way (flowtable "+f.Name+")")
		case made && op.Mark == nft.Add:
			out = append(out, fmt.Sprintf("established flows take a short way between %s (flowtable %s)", strings.Join(f.Devices, ", "), f.Name))
		default:
			for _, d := range f.Devices {
				out = append(out, fmt.Sprintf("%c interface %s of flowtable %s", op.Mark, d, f.Name))
			}
		}
	}
	return out
}
