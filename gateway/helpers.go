package gateway

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/nft"
)

// natModule is the kernel's module that changes what a helper has read.
type natModule struct{ name, symbol string }

// natModules are those of helpers, by the helpers' names in the kernel. The helper's own module the
// kernel loads when it is asked for; nobody asks for these (nf_conntrack_helper_try_module_get).
var natModules = map[string]natModule{
	"ftp":   {"nf_nat_ftp", "nf_nat_ftp"},
	"tftp":  {"nf_nat_tftp", "nf_nat_tftp"},
	"sip":   {"nf_nat_sip", "nf_nat_sip"},
	"pptp":  {"nf_nat_pptp", "pptp_outbound_pkt"},
	"Q.931": {"nf_nat_h323", "nf_nat_h323"},
	"RAS":   {"nf_nat_h323", "nf_nat_h323"},
}

// helpersThere makes sure that the kernel can translate what the table's helpers read. Without these
// modules it would read, and let in, and translate nothing.
func helpersThere(ctx context.Context, want *nft.Ruleset) error {
	for _, o := range want.Objects {
		h, ok := o.(nft.CtHelper)
		if !ok {
			continue
		}
		m := natModules[h.Helper]
		if err := host.Module(ctx, m.name, m.symbol); err != nil {
			return fmt.Errorf("helper %s: %w (install or load it, or take the helper out of `helpers`)", h.Name, err)
		}
	}
	return nil
}
