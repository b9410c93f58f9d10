package tell

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// uplinkChanges tells what a plan does to uplinks that are objects: which there are, and which of several
// new connections leave by. Families change together, and are told once.
func uplinkChanges(plan nft.Plan) (out []string) {
	told := make(map[string]bool)
	tell := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !told[text] {
			told[text] = true
			out = append(out, text)
		}
	}
	for _, op := range plan.Ops {
		if op.Set == nil || op.Elements == nil {
			continue
		}
		n, _ := layout.ParseSet(op.Set.Name)
		for mark, e := range op.Marked() {
			to, _ := layout.ParseChain(e.Verdict.Chain)
			switch uplink := to.Variant.Then; {
			case n.Kind == layout.Marked && to.Kind == layout.ChainTo:
				tell("%c flows that uplink %s leads, by the mark %s", mark, uplink, op.Set.KeyString(*e))
			case n.Kind != layout.Choice || mark != nft.Add:
			case strings.Contains(n.Variant.Then, "/"):
				tell("uplink [%s]: new connections leave by %s", strings.ReplaceAll(n.Variant.Then, "/", ", "), uplink)
			default:
				tell("uplink %s: new connections of some sources leave by %s", n.Variant.Then, uplink)
			}
		}
	}
	return out
}
