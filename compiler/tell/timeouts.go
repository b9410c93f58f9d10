package tell

import (
	"cmp"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/nft"
)

// timeoutsChange says which timeouts an object has now; nothing where they are the same.
func timeoutsChange(was, will string) []string {
	if was == will {
		return nil
	}
	const gateway = "the gateway's"
	return []string{"timeouts " + cmp.Or(was, gateway) + " → " + cmp.Or(will, gateway)}
}

// gatewayTimeouts says which timeouts flows have that no zone or service gives others.
func gatewayTimeouts(live, want *nft.Ruleset) []string {
	chain := layout.ChainTimeouts.String()
	was, will := readback.Timeouts(live, chain), readback.Timeouts(want, chain)
	if was == will {
		return nil
	}
	const kernel = "the kernel's own"
	return []string{"timeouts " + cmp.Or(was, kernel) + " → " + cmp.Or(will, kernel)}
}

// mssChange says how large the segments of an object's connections are now; nothing where that is the same.
// Without a size of its own an object has another's.
func mssChange(was, will, others string) []string {
	if was == will {
		return nil
	}
	return []string{"mss " + cmp.Or(was, others) + " → " + cmp.Or(will, others)}
}
